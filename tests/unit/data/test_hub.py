from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data import load_data
from convwise.errors import DataError

datasets = pytest.importorskip("datasets")


def make(folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Write a training and a test part as ``datasets`` does; return the training pixels."""
    monkeypatch.setenv("HF_HOME", str(folder / "cache"))
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    (folder / "birds").mkdir()
    for split, some in (("train", pixels[:14]), ("test", pixels[14:])):
        rows = {
            "image": [Image.fromarray(each) for each in some],
            "label": [0, 1] * (len(some) // 2),
        }
        table = datasets.Dataset.from_dict(rows, features=features)
        table.to_parquet(folder / "birds" / f"{split}-00000-of-00001.parquet")
    return pixels


def test_a_folder_of_parquet_gives_its_classes_splits_and_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = make(tmp_path, monkeypatch)
    decoded = load_data(tmp_path / "birds").decode()
    assert decoded.skipped == ()
    assert decoded.dataset.classes == ("cat", "dog")
    assert decoded.dataset.carved == ("validation",)
    test = decoded.stores["test"]
    assert test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(test.pixels, pixels[14:][[0, 2, 4, 1, 3, 5]])


def test_a_name_is_not_fetched_unless_asked() -> None:
    with pytest.raises(DataError, match="--download"):
        load_data("hub:owner/birds")
