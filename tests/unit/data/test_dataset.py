from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convwise.data.arrays import ArraySamples
from convwise.data.dataset import Dataset
from convwise.data.traits import Kind
from convwise.errors import DataError
from convwise.image import ImageFormat


def make(classes: tuple[str, ...] = ("a", "b"), level: int = 0, folder: str = "here") -> Dataset:
    images = np.full((4, 2, 2), level, np.uint8)
    samples = ArraySamples.of(images, np.array([0, 1, 0, 1]), folder)
    splits = {split: np.arange(4) for split in ("train", "validation", "test")}
    return Dataset("toy", folder, classes, ImageFormat(2, 2, 1), samples, splits)


def test_the_fingerprint_is_of_classes_labels_and_pixels() -> None:
    first = make().decode().fingerprint
    assert len(first) == 64
    assert first == make(folder="elsewhere").decode().fingerprint
    assert first != make(level=1).decode().fingerprint
    assert first != make(classes=("a", "c")).decode().fingerprint


def test_the_fingerprint_keeps_names_apart() -> None:
    assert make(("ab", "c")).decode().fingerprint != make(("a", "bc")).decode().fingerprint


def test_the_fingerprint_sees_labels_and_splits_move() -> None:
    decoded = make().decode()
    train = decoded.stores["train"]
    relabelled = replace(train, labels=train.labels[::-1].copy())
    moved = {**decoded.stores, "train": relabelled}
    assert replace(decoded, stores=moved).fingerprint != decoded.fingerprint


def test_splits_must_be_the_three() -> None:
    dataset = make()
    with pytest.raises(DataError, match="splits are train; they must be train, validation, test"):
        replace(dataset, splits={"train": dataset.splits["train"]})


def test_progress_counts_pictures_of_all_splits() -> None:
    seen: list[tuple[int, int]] = []
    make().decode(lambda done, total: seen.append((done, total)))
    assert seen == [(4, 4)]


def test_splits_share_the_pixels() -> None:
    decoded = make().decode()
    assert decoded.stores["train"].images is decoded.stores["test"].images


def test_traits_stand_beside_the_pictures() -> None:
    traits = make().decode().traits["test"]
    assert traits.widths.tolist() == traits.heights.tolist() == [2, 2, 2, 2]
    assert traits.having(Kind.GREY).all()
