from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.data.augment.augmentation import Augmentation

CASES = {
    "shift": st.integers(0, 4),
    "flip": st.booleans(),
    "seed": st.integers(-(2**70), 2**70),
    "epoch": st.integers(0, 10_000),
    "samples": st.lists(st.integers(0, 2**40), min_size=1, max_size=9),
    "channels": st.sampled_from([1, 3]),
}


def pictures(samples: list[int], channels: int) -> np.ndarray:
    """Give each sample index its own picture."""
    rows = [
        np.random.default_rng(index).integers(0, 256, (5, 6, channels), dtype=np.uint8)
        for index in samples
    ]
    return np.stack(rows)


@settings(max_examples=60, deadline=None)
@given(**CASES)
def test_a_picture_changes_the_same_whatever_its_batch(
    shift: int, flip: bool, seed: int, epoch: int, samples: list[int], channels: int
) -> None:
    augmentation = Augmentation(shift, flip)
    pixels = pictures(samples, channels)
    indices = np.array(samples, np.int64)
    together = augmentation.apply(pixels, indices, seed, epoch)
    backwards = augmentation.apply(pixels[::-1], indices[::-1], seed, epoch)
    assert np.array_equal(together, backwards[::-1])
    for place in range(len(samples)):
        alone = augmentation.apply(
            pixels[place : place + 1], indices[place : place + 1], seed, epoch
        )
        assert np.array_equal(alone[0], together[place])


@settings(max_examples=60, deadline=None)
@given(**CASES)
def test_what_is_not_moved_out_stays_and_the_rest_is_filled(
    shift: int, flip: bool, seed: int, epoch: int, samples: list[int], channels: int
) -> None:
    augmentation = Augmentation(shift, flip)
    pixels = pictures(samples, channels)
    before = pixels.copy()
    indices = np.array(samples, np.int64)
    moved = augmentation.apply(pixels, indices, seed, epoch, pad_value=11)
    assert np.array_equal(pixels, before)
    for picture, result, down, right, mirrored in zip(
        pixels, moved, *augmentation.choices(indices, seed, epoch), strict=True
    ):
        assert max(abs(down), abs(right)) <= shift
        assert flip or not mirrored
        source = picture[:, ::-1] if mirrored else picture
        wide = np.pad(source, ((5, 5), (6, 6), (0, 0)), constant_values=11)
        window = wide[5 - down : 10 - down, 6 - right : 12 - right]
        assert np.array_equal(result, window)
