from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convwise.data import Dataset, load_data
from convwise.data.arrays import ArraySamples
from convwise.data.export import write_class_folders
from convwise.errors import OptionError
from convwise.image import ImageFormat


def make(classes: tuple[str, ...]) -> Dataset:
    labels = np.arange(len(classes) * 2) % len(classes)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 4, 4, 3), dtype=np.uint8)
    samples = ArraySamples.of(images, labels, "x")
    splits = {split: np.arange(len(labels)) for split in ("train", "validation", "test")}
    return Dataset("toy", "toy", classes, ImageFormat(4, 4, 3), samples, splits)


def test_names_are_safe_and_sort_in_class_order(tmp_path: Path) -> None:
    classes = ("T-shirt/top", "..", "a b", "größe", *map(str, range(8)))
    write_class_folders(make(classes).decode(), tmp_path / "new" / "out")
    names = sorted(path.name for path in (tmp_path / "new/out/train").iterdir())
    assert names[:5] == ["00_T-shirt_top", "01_..", "02_a_b", "03_größe", "04_0"]
    assert sorted(path.name for path in (tmp_path / "new/out/train/00_T-shirt_top").iterdir()) == [
        "00000.png",
        "00001.png",
    ]


def test_what_was_written_reads_back_to_the_same(tmp_path: Path) -> None:
    decoded = make(("b", "a")).decode()
    write_class_folders(decoded, tmp_path / "out")
    again = load_data(tmp_path / "out").decode()
    for split, store in decoded.stores.items():
        assert np.array_equal(again.stores[split].pixels, store.pixels)
        assert np.array_equal(again.stores[split].labels, store.labels)
    renamed = replace(again, dataset=replace(again.dataset, classes=("b", "a")))
    assert renamed.fingerprint == decoded.fingerprint


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match="is not an empty folder"):
        write_class_folders(make(("a", "b")).decode(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
