"""Batches that are made in one go, by a kernel or on a GPU, have the bits of the separate steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convwise.data.augment.position import mirror_and_shift
from convwise.data.batches import Placed, level_table, to_input
from convwise.image import ImageFormat
from convwise.kernels import available
from convwise.training.resident import ResidentPictures


def by_kernel(images: NDArray[np.uint8]) -> Placed:
    from convwise.kernels.pictures import placed_pictures

    return placed_pictures


def on_the_device(images: NDArray[np.uint8]) -> Placed:
    return ResidentPictures(images, "cpu")


@pytest.mark.parametrize("way", [by_kernel, on_the_device] if available() else [on_the_device])
@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([1, 3]),
    batch=st.integers(1, 5),
    margin=st.integers(0, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_one_pass_gives_the_bits_of_the_separate_steps(
    way: Callable[[NDArray[np.uint8]], Placed],
    height: int,
    width: int,
    channels: int,
    batch: int,
    margin: int,
    seed: int,
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
    moves, table = (down, right, mirrored), level_table(image_format)
    found = way(images)(images, rows, moves, table, pad_value)
    assert torch.equal(found, to_input(separate, image_format))
    assert found.is_contiguous(memory_format=torch.channels_last)
