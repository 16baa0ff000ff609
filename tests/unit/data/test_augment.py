from __future__ import annotations

import numpy as np
import pytest

from convwise.data.augment import Augmentation
from convwise.errors import OptionError


def test_content_moves_and_does_not_wrap() -> None:
    pixels = np.random.default_rng(0).integers(1, 256, (64, 6, 7, 3), dtype=np.uint8)
    augmentation = Augmentation(shift=2)
    samples = np.arange(64)
    moved = augmentation.apply(pixels, samples, 5, 9, pad_value=0)
    for index in range(64):
        down, right, mirrored = (part[index] for part in augmentation.choices(samples, 5, 9))
        picture = pixels[index, :, ::-1] if mirrored else pixels[index]
        expected = np.zeros_like(picture)
        for row in range(6):
            for column in range(7):
                if 0 <= row - down < 6 and 0 <= column - right < 7:
                    expected[row, column] = picture[row - down, column - right]
        assert np.array_equal(moved[index], expected)


def test_choices_are_even_and_independent() -> None:
    down, right, mirrored = Augmentation(shift=2).choices(np.arange(50_000), 0, 1)
    table = np.zeros((5, 5, 2))
    np.add.at(table, (down + 2, right + 2, mirrored.astype(int)), 1)
    # 50 cells of 1,000 each: a chi-square of 49 degrees stays below 100 (p = 2e-5).
    assert ((table - 1000) ** 2 / 1000).sum() < 100


def test_epochs_and_seeds_differ() -> None:
    samples = np.arange(100)
    augmentation = Augmentation(shift=3)
    keys = [(0, 1), (0, 2), (1, 1), (1, 2)]
    drawn = {tuple(np.concatenate(augmentation.choices(samples, *key)).tolist()) for key in keys}
    assert len(drawn) == 4


def test_nothing_asked_changes_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 1), dtype=np.uint8)
    same = Augmentation(shift=0, flip=False).apply(pixels, np.arange(8), 0, 1)
    assert np.array_equal(same, pixels)
    assert not np.shares_memory(same, pixels)


def test_a_shift_may_exceed_the_picture() -> None:
    pixels = np.full((200, 2, 2, 1), 9, np.uint8)
    moved = Augmentation(shift=5).apply(pixels, np.arange(200), 0, 1, pad_value=3)
    assert set(moved.ravel()) == {3, 9}


def test_a_negative_shift_is_refused() -> None:
    with pytest.raises(OptionError, match="shift -1 is negative"):
        Augmentation(shift=-1)
