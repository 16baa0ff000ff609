"""The images that everybody learns from: Fashion-MNIST, in one order for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data import load_data

COUNTS = {"train": 60_000, "test": 10_000}


def write_sample(path: Path) -> None:
    """Write all 60,000 training and 10,000 test images.

    convwise keeps a split sorted by class. Here both are mixed, once and alike for all, so that
    the first images are a fair sample of ten classes.
    """
    stores = load_data("fashion-mnist").decode().stores
    arrays: dict[str, NDArray[Any]] = {}
    for split, names in (("train", ("train", "validation")), ("test", ("test",))):
        pixels = np.concatenate([stores[name].pixels for name in names])
        labels = np.concatenate([stores[name].labels for name in names])
        order = np.random.default_rng(0).permutation(len(labels))
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = pixels[order], labels[order]
        require_balance(labels, COUNTS[split])
        require_balance(arrays[f"{split}_labels"][:2_000], 2_000)
    np.savez(path, **arrays)


def require_balance(labels: NDArray[np.int64], count: int) -> None:
    """Stop where a split is not what it should be: so many images, evenly of ten classes.

    A sample of one or two classes trains just as fast, and says nothing.
    """
    found = np.bincount(labels, minlength=10)
    share = found / max(len(labels), 1)
    if len(labels) != count or len(found) != 10 or abs(share - 0.1).max() > 0.025:
        raise SystemExit(f"expected {count:,} images evenly of 10 classes, found {found.tolist()}")
