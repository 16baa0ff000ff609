from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.data.augment.augmentation import Augmentation
from convwise.data.augment.position import mirror_and_shift
from convwise.data.batches import Batches, level_table, to_input
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.training import resident
from convwise.training.resident import ResidentPictures


@settings(max_examples=100, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([1, 3]),
    batch=st.integers(1, 5),
    margin=st.integers(0, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_batches_made_on_the_device_have_the_bits_of_the_separate_steps(
    height: int, width: int, channels: int, batch: int, margin: int, seed: int
) -> None:
    numbers = np.random.default_rng(seed)
    images = numbers.integers(0, 256, (7, height, width, channels), dtype=np.uint8)
    mean, std = numbers.random((2, channels)) + 0.01
    image_format = ImageFormat(height, width, channels, mean=tuple(mean), std=tuple(std))
    rows = numbers.integers(0, 7, batch)
    down, right = numbers.integers(-margin, margin + 1, (2, batch))
    mirrored = numbers.random(batch) < 0.5
    pad_value = int(numbers.integers(256))
    separate = mirror_and_shift(
        images[rows], down, right, mirrored, margin=margin, pad_value=pad_value
    )
    pictures = ResidentPictures(images, "cpu")
    found = pictures(images, rows, (down, right, mirrored), level_table(image_format), pad_value)
    assert torch.equal(found, to_input(separate, image_format))
    assert found.is_contiguous(memory_format=torch.channels_last)


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
