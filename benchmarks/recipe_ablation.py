"""What does each choice of the default recipe bring?

    python benchmarks/recipe_ablation.py
    python benchmarks/recipe_ablation.py --only none narrower --seeds 1

Each change is made alone. Fashion-MNIST's 60,000 training images are parted: 50,000 to learn from,
10,000 to score; the test split plays no part. Epochs, not seconds, end a training, so that other
work on the machine changes no accuracy; where a change makes an epoch dearer or cheaper, the number
of epochs makes up for it, and the seconds of all cores' work stand beside the figures. The loss is
taken after fitting the temperature to the same 10,000 images. Two trainings of one thread each run
faster than one of two: start the command twice, with ``--threads 1`` and other seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from measuring import limit_cores, write_json

from convwise.data import load_data
from convwise.data.cores import usable_cores
from convwise.data.store import PixelStore
from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.evaluation.predict import predict_store
from convwise.evaluation.temperature import fit_temperature
from convwise.training.facts import measured_format
from convwise.training.fit import fit_model
from convwise.training.machine import machine_facts, package_versions
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.width import fast_of_width

HERE = Path(__file__).resolve().parent
SCORED = 10_000
EPOCHS = 6
BASE = {"shift": 0, "alternating_flip": False, "label_smoothing": 0.05, "learning_rate": 0.1}
FLIP: dict[str, Any] = {"alternating_flip": True}
CALM: dict[str, Any] = {"label_smoothing": 0.0, "learning_rate": 0.05}
# What eight seconds, two minutes and eight minutes hold on two Zen 4 cores; the trainings of each
# are compared with each other.
SHORT_EPOCHS, MEDIUM_EPOCHS, LONG_EPOCHS = 3, 17, 36
LONG = FLIP | {"shift": 1}


class Change(NamedTuple):
    """A training that differs from the first one in one thing.

    Args:
        recipe: settings that differ.
        epochs: as many as cost about as much as six of ``fast``.
        width: of the network, as a share of ``fast``.
        gelu: instead of ReLU.
    """

    recipe: Mapping[str, Any] = MappingProxyType({})
    epochs: int = EPOCHS
    width: float = 1.0
    gelu: bool = False


CHANGES = {
    "none": Change(),
    "narrower": Change(epochs=9, width=0.75),
    "narrowest": Change(epochs=13, width=0.5),
    "wider": Change(epochs=3, width=1.5),
    "alternating flip": Change(FLIP),
    "no flip": Change({"flip": False}),
    "shift": Change({"shift": 1}),
    "SGD": Change({"optimizer": "sgd"}),
    "AdamW": Change({"optimizer": "adamw", "learning_rate": 0.002}),
    "no pruning": Change({"prune_easy": 0.0}, epochs=4),
    "more pruning": Change({"prune_easy": 0.7}, epochs=7),
    "batch 64": Change({"batch_size": 64, "learning_rate": 0.07}),
    "batch 256": Change({"batch_size": 256}),
    "batch 256, higher rate": Change({"batch_size": 256, "learning_rate": 0.15}),
    "half the rate": Change({"learning_rate": 0.05}),
    "twice the rate": Change({"learning_rate": 0.2}),
    "short rise": Change({"warmup": 0.05}),
    "no smoothing": Change({"label_smoothing": 0.0}),
    "more smoothing": Change({"label_smoothing": 0.1}),
    "averaged weights": Change({"ema": 0.99}),
    "GELU": Change(gelu=True),
    "8 s": Change(FLIP, SHORT_EPOCHS, width=0.5),
    "8 s, no smoothing, half the rate": Change(FLIP | CALM, SHORT_EPOCHS, width=0.5),
    "45 s": Change(FLIP),
    "45 s, no smoothing, half the rate": Change(FLIP | CALM),
    "2 min": Change(LONG, MEDIUM_EPOCHS),
    "2 min, no smoothing": Change(LONG | {"label_smoothing": 0.0}, MEDIUM_EPOCHS),
    "2 min, half the rate": Change(LONG | {"learning_rate": 0.05}, MEDIUM_EPOCHS),
    "2 min, no smoothing, half the rate": Change(LONG | CALM, MEDIUM_EPOCHS),
    "2 min, no smoothing, rate 0.03": Change(
        LONG | {"label_smoothing": 0.0, "learning_rate": 0.03}, MEDIUM_EPOCHS
    ),
    "2 min, no smoothing, half the rate, narrower": Change(LONG | CALM, 24, width=0.75),
    "2 min, no smoothing, half the rate, more decay": Change(
        LONG | CALM | {"weight_decay": 0.005}, MEDIUM_EPOCHS
    ),
    "2 min, no smoothing, half the rate, no pruning": Change(
        LONG | CALM | {"prune_easy": 0.0}, MEDIUM_EPOCHS
    ),
    "8 min": Change(LONG, LONG_EPOCHS),
    "8 min, narrower": Change(LONG, 54, width=0.75),
    "8 min, wider": Change(LONG, 16, width=1.5),
    "8 min, moved by two, erased": Change(LONG | {"shift": 2, "erase": 0.2}, LONG_EPOCHS),
    "8 min, no smoothing, half the rate": Change(LONG | CALM, LONG_EPOCHS),
}


class Parted(NamedTuple):
    """The training images in two parts, and what a training must know of them."""

    train: PixelStore
    scored: PixelStore
    classes: tuple[str, ...]
    image_format: Any


def parted(data: str) -> Parted:
    """Read the training images and put ``SCORED`` of them aside, the same at each call."""
    decoded = load_data(data, seed=0).decode()
    stores = [decoded.stores[name] for name in ("train", "validation")]
    pixels = np.concatenate([store.take(slice(None)) for store in stores])
    labels = np.concatenate([store.labels for store in stores])
    order = np.random.default_rng(1).permutation(len(labels))
    parts = []
    for places in (order[:-SCORED], order[-SCORED:]):
        names = tuple(str(place) for place in places)
        parts.append(PixelStore(pixels[places], labels[places], names))
    return Parted(*parts, decoded.dataset.classes, measured_format(decoded))


def measure(name: str, seed: int, images: Parted) -> dict[str, Any]:
    """Train with one change; return accuracy, loss and cost."""
    change = CHANGES[name]
    text = fast_of_width(change.width).to_text()
    network = resolve_network(text.replace("relu", "gelu") if change.gelu else text)
    planned = plan(network, images.image_format, len(images.classes)).require()
    begun = time.process_time()
    fitted = fit_model(
        planned,
        images.train,
        PixelStore(images.scored.take(slice(200)), images.scored.labels[:200], ("",) * 200),
        image_format=images.image_format,
        classes=images.classes,
        name=name,
        recipe=Recipe.of(BASE | {"epochs": change.epochs} | dict(change.recipe)),
        seed=seed,
        precision="auto",
        watcher=Watcher(),
        calibrate=False,
    )
    seconds = time.process_time() - begun
    found, labels = predict_store(fitted.model, images.scored), images.scored.labels
    scaled = fit_temperature(np.log(np.maximum(found, np.finfo(np.float32).tiny)), labels).after
    assert scaled is not None
    return {
        "change": name,
        "seed": seed,
        "epochs": change.epochs,
        "megaflops": planned.total_flops / 1e6,
        "cpu_seconds": seconds,
        "accuracy": float((found.argmax(1) == labels).mean()),
        "loss": scaled.nll,
    }


def main() -> int:
    """Measure what was asked for, one seed after the other."""
    asked = _read_arguments()
    limit_cores(asked.threads)
    torch.set_num_threads(asked.threads)
    images = parted("fashion-mnist")
    facts = {
        "benchmark": "recipe_ablation",
        "machine": machine_facts() | {"threads": asked.threads},
        "versions": package_versions(),
        "runs": [],
    }
    for seed in range(asked.seeds):
        for name in asked.only or CHANGES:
            facts["runs"].append(measure(name, seed, images))
            print(facts["runs"][-1], flush=True)
            write_json(asked.out, facts)
    return 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--only", nargs="+", choices=list(CHANGES), metavar="CHANGE", help=", ".join(CHANGES))
    add("--seeds", type=int, default=2, help="how many, from 0")
    add("--threads", type=int, default=usable_cores(), help="and cores")
    add("--out", type=Path, default=HERE / "results" / "recipe_ablation.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
