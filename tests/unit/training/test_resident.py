from __future__ import annotations

import numpy as np
import pytest
import torch

from convwise.data.augment.augmentation import Augmentation
from convwise.data.batches import Batches
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.training import resident
from convwise.training.resident import ResidentPictures


def test_a_training_sees_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "_COPIED_TOGETHER", 1_000)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 10, 12, 3), dtype=np.uint8)
    pixels.setflags(write=False)
    rows = np.arange(39, 9, -1)
    store = PixelStore(pixels, np.arange(30), tuple(map(str, range(30))), rows)
    image_format = ImageFormat(10, 12, 3, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), pad_value=3)
    augmentation = Augmentation(2)
    placed = ResidentPictures(store.images, "cpu")
    plain = Batches(store, image_format, 7, 5, augmentation)
    quick = Batches(store, image_format, 7, 5, augmentation, placed=placed)
    for ours, theirs in zip(quick.epoch(3), plain.epoch(3), strict=True):
        assert torch.equal(ours.inputs, theirs.inputs)
        assert torch.equal(ours.labels, theirs.labels)
