"""Transfer against training from scratch, at equal time, on a small folder of photographs.

    python benchmarks/transfer.py --seed 0             # measures one seed, adds it to the results
    python benchmarks/transfer.py --report             # prints the table

``photo_crops.py`` says what the folder is. For each seed a folder is drawn anew, and

1. ``--from efficientnet-lite0`` trains with a time limit, and the clock runs over everything:
   reading the weights, the race of kernels, features, head, fine-tuning;
2. convwise's default from scratch (``fast``, at the size that the folder's pictures have) gets all
   of that time as its time limit; its own race comes on top.

The test split is scored once, outside of the time. The interval is Student's over the paired
differences of the seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import write_json
from photo_crops import write_folder
from scipy import stats

from convwise.data import load_data
from convwise.data.dataset import Decoded
from convwise.design import zoo
from convwise.design.plan import plan
from convwise.evaluation.predict import predict_store
from convwise.model.pretrained.start import load_start
from convwise.training.facts import measured_format
from convwise.training.fit import fit_model
from convwise.training.machine import machine_facts, package_versions
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.train import use_threads

RESULTS = Path(__file__).resolve().parent / "results" / "transfer.json"
COUNTS = {"train": 8, "validation": 2, "test": 16}
TRANSFER, SCRATCH = "--from efficientnet-lite0", "from scratch"

Facts = dict[str, Any]


def measure(seed: int, seconds: float) -> dict[str, Facts]:
    """Return contender → figures of one seed."""
    with tempfile.TemporaryDirectory(prefix="convwise-transfer-") as name:
        folder = write_folder(Path(name) / "photos", COUNTS, seed)
        transfer = _transfer(folder, seconds, seed)
        scratch = _scratch(folder, transfer["seconds"], seed)
    return {TRANSFER: transfer, SCRATCH: scratch}


def _transfer(folder: Path, seconds: float, seed: int) -> Facts:
    began = time.perf_counter()
    start = load_start("efficientnet-lite0")
    read = time.perf_counter() - began
    dataset = load_data(folder)
    decoded = dataclasses.replace(dataset, format=start.image_format).decode()
    return _fitted(
        decoded,
        start.redesign(),
        Recipe(time_limit=seconds),
        seed,
        start=start,
        image_format=start.image_format,
        spent=read,
    )


def _scratch(folder: Path, seconds: float, seed: int) -> Facts:
    decoded = load_data(folder).decode()
    # A batch as small as transfer's: with the default of 128 an epoch would be a single step.
    recipe = Recipe(time_limit=seconds, batch_size=32)
    image_format = measured_format(decoded)
    return _fitted(decoded, zoo.network("fast"), recipe, seed, image_format=image_format)


def _fitted(
    decoded: Decoded, network: Any, recipe: Recipe, seed: int, *, spent: float = 0.0, **more: Any
) -> Facts:
    classes = decoded.dataset.classes
    began = time.perf_counter()
    fitted = fit_model(
        plan(network, decoded.dataset.format, len(classes)).require(),
        decoded.stores["train"],
        decoded.stores["validation"],
        classes=classes,
        name="measured",
        recipe=recipe,
        seed=seed,
        precision="fp32",
        watcher=Watcher(),
        **more,
    )
    took = time.perf_counter() - began + spent
    test = decoded.stores["test"]
    right = predict_store(fitted.model, test).argmax(axis=1) == test.labels
    head = {} if fitted.head is None else {"head": dataclasses.asdict(fitted.head)}
    return {
        "test_accuracy": float(right.mean()),
        "seconds": took,
        "epochs": len(fitted.history),
        "test_images": len(test),
        "train_images": len(decoded.stores["train"]),
        **head,
    }


def summarise(seeds: dict[str, dict[str, Facts]]) -> Facts:
    """Return the mean of the paired differences in test accuracy, with its 95 % interval.

    Example:
        >>> seeds = {"0": {TRANSFER: {"test_accuracy": 0.9}, SCRATCH: {"test_accuracy": 0.6}},
        ...          "1": {TRANSFER: {"test_accuracy": 0.8}, SCRATCH: {"test_accuracy": 0.4}}}
        >>> round(summarise(seeds)["mean_difference"], 2)
        0.35
    """
    differences = [
        each[TRANSFER]["test_accuracy"] - each[SCRATCH]["test_accuracy"] for each in seeds.values()
    ]
    mean, n = float(np.mean(differences)), len(differences)
    if n < 2:
        return {"n": n, "mean_difference": mean}
    half = float(stats.t.ppf(0.975, n - 1)) * float(np.std(differences, ddof=1)) / math.sqrt(n)
    return {"n": n, "mean_difference": mean, "interval": [mean - half, mean + half]}


def table(facts: Facts) -> str:
    """Return the results as Markdown."""
    lines = ["| seed | contender | seconds | epochs | test accuracy |", "|--:|:--|--:|--:|--:|"]
    for seed, found in facts["seeds"].items():
        lines += [
            f"| {seed} | {name} | {each['seconds']:.1f} | {each['epochs']} "
            f"| {each['test_accuracy']:.3f} |"
            for name, each in found.items()
        ]
    summary = facts["summary"]
    if "interval" in summary:
        low, high = summary["interval"]
        lines.append(
            f"\n{TRANSFER} minus {SCRATCH}: {summary['mean_difference']:+.3f}"
            f" (95 % interval {low:+.3f} … {high:+.3f}, {summary['n']} seeds)"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure one seed, or print what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, help="measure this seed and add it to the results")
    parser.add_argument("--seconds", type=float, default=15.0, help="time limit of transfer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true", help="only print the table")
    asked = parser.parse_args()
    facts: Facts = {"seeds": {}}
    if asked.out.exists():
        facts = json.loads(asked.out.read_text(encoding="utf-8"))
    if not asked.report:
        if asked.seed is None:
            parser.error("give --seed, or --report")
        use_threads(asked.threads)
        found = measure(asked.seed, asked.seconds)
        facts["seeds"][str(asked.seed)] = found
        facts |= {
            "seconds": asked.seconds,
            "threads": asked.threads,
            "counts": COUNTS,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": machine_facts(),
            "versions": package_versions(),
            "summary": summarise(facts["seeds"]),
        }
        write_json(asked.out, facts)
    print(table(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
