from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from convwise.data.augment.augmentation import Augmentation
from convwise.data.batches import Batches
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.pictures import placed_pictures


def store(path: Path) -> PixelStore:
    """Return a store of some of the pictures in a mapped file that must not be written to."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 10, 12, 3), dtype=np.uint8)
    pixels.tofile(path)
    mapped = np.asarray(np.memmap(path, np.uint8, "r", shape=pixels.shape))
    rows = np.arange(39, 9, -1)
    return PixelStore(mapped, np.arange(30), tuple(map(str, range(30))), rows)


@pytest.mark.parametrize(
    "augmentation",
    [None, Augmentation(0, False), Augmentation(2), Augmentation(1, alternating_flip=True)],
    ids=str,
)
def test_batches_are_the_same_with_and_without(
    tmp_path: Path, augmentation: Augmentation | None
) -> None:
    image_format = ImageFormat(10, 12, 3, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), pad_value=3)
    pictures = store(tmp_path / "pixels")
    plain = Batches(pictures, image_format, 7, 5, augmentation)
    quick = Batches(pictures, image_format, 7, 5, augmentation, placed=placed_pictures)
    for ours, theirs in zip(quick.epoch(3), plain.epoch(3), strict=True):
        assert torch.equal(ours.inputs, theirs.inputs)
        assert torch.equal(ours.labels, theirs.labels)


def test_what_changes_levels_goes_the_separate_way(tmp_path: Path) -> None:
    def never(*arguments: object) -> torch.Tensor:
        raise AssertionError("a kernel that cannot do it was asked")

    augmentation = Augmentation(1, contrast=0.5)
    batches = Batches(
        store(tmp_path / "pixels"), ImageFormat(10, 12, 3), 7, 5, augmentation, placed=never
    )
    assert len(list(batches.epoch(1))) == 4
