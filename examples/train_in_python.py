"""Train on the embedded images from Python, look at the figures, save, load, predict.

Run: python examples/train_in_python.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from convwise import Classifier, Recipe, load_data


def main(epochs: int = 3, network: str = "fast") -> float:
    data = load_data("fashion-mini").decode()
    train, test = data.stores["train"], data.stores["test"]
    names = data.dataset.classes

    classifier = Classifier(network, Recipe(epochs=epochs), seed=0)
    classifier.fit(train.pixels, [names[label] for label in train.labels])

    figures = classifier.evaluate(test.pixels, [names[label] for label in test.labels])
    low, high = figures["accuracy_interval"]
    print(f"test accuracy {figures['accuracy']:.3f} (95 % interval {low:.3f} … {high:.3f})")
    hardest = min(figures["per_class"], key=lambda entry: entry["recall"])
    print(f"hardest class: {hardest['class']}, {hardest['recall']:.0%} of it recognised")

    with tempfile.TemporaryDirectory() as folder:
        saved = classifier.save(Path(folder) / "clothes.safetensors")
        again = Classifier.load(saved)
        print("the first test image shows:", again.predict(test.pixels[:1])[0])
    return float(figures["accuracy"])


if __name__ == "__main__":
    main()
