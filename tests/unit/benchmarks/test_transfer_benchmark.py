"""The folder of photo crops, and the interval of paired differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COUNTS = {"train": 3, "validation": 1, "test": 3}


def test_crops_are_drawn_by_the_seed_and_test_crops_from_the_other_half(
    load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = load("photo_crops")
    # Left half dark, right half bright: whatever is done to a crop, it shows its half.
    halves = np.zeros((200, 400, 3), np.uint8)
    halves[:, 200:] = 255
    Image.fromarray(halves).save(tmp_path / "halves.png")
    monkeypatch.setattr(crops, "photographs", lambda: {"halves": tmp_path / "halves.png"})
    folders = [
        crops.write_folder(tmp_path / str(n), COUNTS, seed) for n, seed in enumerate((0, 0, 1))
    ]
    files = sorted(path.relative_to(folders[0]) for path in folders[0].rglob("*.png"))
    assert [len([file for file in files if file.parts[0] == split]) for split in COUNTS] == [
        3,
        1,
        3,
    ]
    for file in files:
        first, again, other = ((folder / file).read_bytes() for folder in folders)
        assert first == again != other
        mean = np.asarray(Image.open(folders[0] / file)).mean()
        assert mean > 100 if file.parts[0] == "test" else mean < 30


def test_the_interval_is_students_of_the_paired_differences(load) -> None:
    module = load("transfer")
    pairs = ((0.9, 0.6), (0.8, 0.4), (0.7, 0.2))
    seeds = {
        str(number): {
            module.TRANSFER: {"test_accuracy": ours},
            module.SCRATCH: {"test_accuracy": theirs},
        }
        for number, (ours, theirs) in enumerate(pairs)
    }
    found = module.summarise(seeds)
    # Differences 0.3, 0.4 and 0.5: mean 0.4, standard error 0.1/√3, quantile 4.303.
    assert found["mean_difference"] == pytest.approx(0.4)
    assert found["interval"] == pytest.approx([0.4 - 0.2484, 0.4 + 0.2484], abs=1e-4)
    assert "interval" not in module.summarise({"0": seeds["0"]})
