"""A run's folder with made-up numbers that fit each other."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.design.plan import plan

FABRICS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
NETWORK = """conv 32 3 same norm relu
maxpool 2
conv 64 3 same norm relu
maxpool 2
repeat 2
  residual
    conv 64 3 same norm relu
    conv 64 3 same norm
global_avgpool
dropout 0.2
dense classes"""

MakeRun = Callable[..., Path]


def make_run(
    folder: Path,
    *,
    classes: Sequence[str] = FABRICS,
    images_per_class: int = 100,
    epochs: int = 8,
    mistakes: float = 0.1,
    seed: int = 0,
    without: Sequence[str] = (),
    **changes: Any,
) -> Path:
    """Write a run's folder and return it.

    ``without`` names files to leave out; ``changes`` replace keys of run.json (None removes one).
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    lines = _predictions(rng, classes, images_per_class, mistakes)
    evaluation = _evaluation(rng, classes, lines)
    run = _run(classes, images_per_class, epochs, evaluation["accuracy"]) | changes
    texts = {
        "run.json": json.dumps({key: of for key, of in run.items() if of is not None}),
        "history.jsonl": "".join(json.dumps(one) + "\n" for one in _history(rng, epochs)),
        "metrics.json": json.dumps({"test": evaluation, "validation": evaluation}),
        "audit.json": json.dumps(
            {
                "images": len(lines) * 7,
                "classes": dict.fromkeys(classes, images_per_class * 7),
                "splits": {
                    split: dict.fromkeys(classes, images_per_class * share)
                    for split, share in (("train", 5), ("validation", 1), ("test", 1))
                },
                "image_format": [28, 28, 1],
                "duplicates": [
                    {
                        "paths": ["Bag/1.png", "Bag/2.png"],
                        "splits": ["train", "test"],
                        "labels": [classes[0], classes[0]],
                    }
                ],
                "oddities": {"rotated": ["Dress/9.png"]},
                "warnings": ["the class Bag has few images"],
                "carved": ["validation"],
                "moved": ["Coat/7.png"],
                "skipped": [
                    {"path": "Coat/torn.png", "reason": "the file is cut short"},
                    {"path": "Dress/notes.txt", "reason": "not an image"},
                    {"path": "Bag/empty.jpg", "reason": "not an image"},
                ],
            }
        ),
    }
    for name, content in texts.items():
        if name not in without:
            (folder / name).write_text(content, encoding="utf-8")
    if "predictions.csv" not in without:
        with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
    return folder


def _predictions(
    rng: np.random.Generator, classes: Sequence[str], images: int, mistakes: float
) -> list[dict[str, Any]]:
    lines = []
    for index, name in enumerate(classes):
        # Some classes are harder than others, and each has a favourite wrong answer.
        difficulty = mistakes * rng.uniform(0.1, 2.2)
        favourite = (index + 1 + int(rng.integers(len(classes) - 1))) % len(classes)
        for number in range(images):
            predicted = index
            if rng.random() < difficulty:
                others = [other for other in range(len(classes)) if other != index]
                predicted = favourite if rng.random() < 0.6 else int(rng.choice(others))
            right = predicted == index
            # Two classes leave no room for a winner below one half.
            sure = 0.5 + 0.4995 * rng.beta(6 if right else 1.2, 0.5 if right else 1.4)
            lines.append(
                {
                    "id": f"test/{index * images + number:05d}",
                    "label": name,
                    "predicted": classes[predicted],
                    "probability": f"{sure:.6f}",
                    "label_probability": f"{sure if right else (1 - sure) * rng.random():.6f}",
                }
            )
    return lines


def _evaluation(
    rng: np.random.Generator, classes: Sequence[str], lines: list[dict[str, Any]]
) -> dict[str, Any]:
    place = {name: index for index, name in enumerate(classes)}
    labels = np.array([place[line["label"]] for line in lines])
    predicted = np.array([place[line["predicted"]] for line in lines])
    sure = np.array([float(line["probability"]) for line in lines])
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (labels, predicted), 1)
    right = labels == predicted
    accuracy = float(right.mean())
    bins, ece = [], 0.0
    for step in range(15):
        low, high = step / 15, (step + 1) / 15
        inside = (sure > low) & (sure <= high)
        many = int(inside.sum())
        here = {"low": low, "high": high, "images": many, "confidence": None, "accuracy": None}
        if many:
            here |= {
                "confidence": float(sure[inside].mean()),
                "accuracy": float(right[inside].mean()),
            }
            ece += many / len(lines) * abs(here["confidence"] - here["accuracy"])
        bins.append(here)
    half = 1.96 * (accuracy * (1 - accuracy) / len(lines)) ** 0.5
    return {
        "images": len(lines),
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - half, min(1.0, accuracy + half)],
        "balanced_accuracy": accuracy,
        "macro_f1": accuracy - 0.001,
        "nll": 0.2231,
        "ece": ece,
        "temperature": 0.75,
        "unscaled": {"nll": 0.2511, "ece": ece + 0.02},
        "unscaled_calibration": [
            bin_ | {"confidence": bin_["confidence"] - 0.02} for bin_ in bins if bin_["images"]
        ],
        "per_class": [_per_class(name, confusion, index) for index, name in enumerate(classes)],
        "confusion": confusion.tolist(),
        "calibration": bins,
        "shift": [
            {
                "offset": offset,
                "accuracy": accuracy - 0.004 * offset**1.8,
                "consistency": 1 - 0.006 * offset**1.7 - 0.002 * float(rng.random()) * bool(offset),
            }
            for offset in range(5)
        ],
        "shift_images": min(len(lines), 2000),
    }


def _per_class(name: str, confusion: np.ndarray, index: int) -> dict[str, Any]:
    images, hits = int(confusion[index].sum()), int(confusion[index, index])
    recall, precision = hits / images, hits / max(int(confusion[:, index].sum()), 1)
    half = 1.96 * (recall * (1 - recall) / images) ** 0.5 + 0.004
    return {
        "class": name,
        "images": images,
        "precision": precision,
        "recall": recall,
        "recall_interval": [max(0.0, recall - half), min(1.0, recall + half)],
        "f1": 2 * recall * precision / max(recall + precision, 1e-9),
    }


def _history(rng: np.random.Generator, epochs: int) -> list[dict[str, Any]]:
    lines = []
    for epoch in range(1, epochs + 1):
        fall = 0.55 / epoch**0.7
        noise = 0.01 * rng.standard_normal(2)
        lines.append(
            {
                "epoch": epoch,
                "train_loss": 0.2 + 1.1 * fall,
                "train_accuracy": 0.935 - 0.35 * fall,
                "validation_loss": 0.19 + 0.75 * fall + float(noise[0]),
                "validation_accuracy": 0.94 - 0.24 * fall + float(noise[1]) / 2,
                "learning_rate": 0.01 * (1 - (epoch - 1) / epochs),
                "seconds": 5.4 * epoch + float(rng.random()) / 5,
                "images_per_second": 10_100.0,
            }
        )
    return lines


def _run(
    classes: Sequence[str], images_per_class: int, epochs: int, accuracy: float
) -> dict[str, Any]:
    images = len(classes) * images_per_class
    made = plan(NETWORK, "28x28x1", len(classes))
    return {
        "convwise": "0.1.0",
        "status": "finished",
        "command": f"convwise train fashion-mnist --epochs {epochs} --out runs/first",
        "created": "2025-03-04T05:06:07+00:00",
        "asked": {"data": "fashion-mnist", "network": "fast", "epochs": epochs},
        "recipe": {
            "epochs": epochs,
            "batch_size": 512,
            "learning_rate": 0.01,
            "weight_decay": 0.0005,
            "time_limit": None,
            "optimizer": "muon",
            "momentum": 0.9,
            "warmup": 0.2,
            "label_smoothing": 0.1,
            "shift": 2,
            "flip": True,
            "mixup": 0.0,
            "balance": "none",
        },
        "network": {
            "name": "fast",
            "text": NETWORK,
            **made.network.to_dict(),
            "rows": [
                {
                    "name": row.name,
                    "layer": type(row.layer).__name__,
                    "output_shape": list(row.output_shape),
                    "params": row.params,
                }
                for row in made.rows
            ],
            "total_params": made.total_params,
            "total_flops": made.total_flops,
        },
        "image_format": {"height": 28, "width": 28, "channels": 1, "resize": "pad"},
        "data": {
            "name": "fashion-mnist",
            "source": "fashion-mnist",
            "classes": list(classes),
            "counts": {"train": images * 5, "validation": images, "test": images},
            "fingerprint": "3f9a" * 16,
            "skipped": 3,
        },
        "seed": 0,
        "threads": 2,
        "precision": {
            "chosen": "bf16",
            "race": [
                {
                    "precision": "fp32",
                    "images_per_second": 8120.0,
                    "relative_error": 0.0,
                    "verdict": "the reference",
                },
                {
                    "precision": "bf16",
                    "images_per_second": 10_100.0,
                    "relative_error": 0.0037,
                    "verdict": "fastest, close enough",
                },
            ],
        },
        "versions": {"python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.6", "numba": "0.65.0"},
        "machine": {
            "cpu": "AMD EPYC 7B13",
            "cores": 2,
            "memory_gb": 7.8,
            "system": "Linux 6.1 x86_64",
        },
        "prediction": {
            "milliseconds": 0.8,
            "batch": 256,
            "images_per_second": 10_000.0,
            "threads": 2,
        },
        "temperature": {
            "temperature": 0.75,
            "images": images,
            "reason": "fitted",
            "before": {"nll": 0.24, "ece": 0.041},
            "after": {"nll": 0.21, "ece": 0.009},
        },
        "decides_bits": {"cpu": "AMD EPYC", "threads": 2, "torch": "2.13.0"},
        "result": {
            "epochs": epochs,
            "train_seconds": 5.5 * epochs,
            "images_per_second": 10_100.0,
            "validation_accuracy": accuracy,
            "test_accuracy": accuracy,
        },
    }


@pytest.fixture
def run_maker(tmp_path: Path) -> MakeRun:
    """Return :func:`make_run` for a fresh folder."""

    def make(**options: Any) -> Path:
        return make_run(tmp_path / "run", **options)

    return make
