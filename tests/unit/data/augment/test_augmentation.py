from __future__ import annotations

import itertools

import numpy as np
import pytest

from convwise.data.augment.augmentation import Augmentation
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


EVERYTHING = Augmentation(
    2, True, rotate=20, scale=0.3, crop=0.3, brightness=0.2, contrast=0.4, erase=0.4
)


def test_an_alternating_flip_shows_both_sides_in_any_two_epochs() -> None:
    augmentation, samples = Augmentation(0, alternating_flip=True), np.arange(1000)
    epochs = [augmentation.choices(samples, 0, epoch)[2] for epoch in (1, 2, 3, 4)]
    for one, next_one in itertools.pairwise(epochs):
        assert np.array_equal(one, ~next_one)
    assert 400 < epochs[0].sum() < 600
    assert not np.array_equal(epochs[0], augmentation.choices(samples, 1, 1)[2])


@pytest.mark.parametrize("name", ["rotate", "scale", "crop", "brightness", "contrast", "erase"])
def test_each_change_alone_changes_most_pictures_and_differs_by_epoch(name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 12, 9, 3), dtype=np.uint8)
    augmentation = Augmentation(0, False, **{name: 0.5 if name != "rotate" else 30.0})
    epochs = [augmentation.apply(pixels, np.arange(64), 0, epoch) for epoch in (1, 2)]
    for changed in epochs:
        assert changed.shape == pixels.shape
        assert changed.dtype == np.uint8
        # Erasing leaves half of the pictures as they are.
        assert (changed != pixels).any(axis=(1, 2, 3)).sum() >= (20 if name == "erase" else 60)
    assert not np.array_equal(*epochs)


def test_an_erased_rectangle_has_the_mean_colour_and_at_most_the_area_asked_for() -> None:
    pixels = np.full((500, 20, 30, 3), 200, np.uint8)
    augmentation = Augmentation(0, False, erase=0.3)
    changed = augmentation.apply(pixels, np.arange(500), 0, 1, mean_colour=(10, 20, 30))
    erased = (changed != 200).all(axis=3)
    assert np.array_equal(np.unique(changed[erased], axis=0), [[10, 20, 30]])
    areas = erased.mean(axis=(1, 2))
    assert 200 < (areas > 0).sum() < 300
    # Rounding each side to whole pixels may add a little.
    assert areas.max() < 0.34
    assert areas[areas > 0].min() < 0.05


@pytest.mark.parametrize("part", [slice(0, 1), slice(3, 8), slice(None, None, -1)])
def test_everything_together_depends_on_no_batch(part: slice) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 13, 17, 3), dtype=np.uint8)
    samples = np.arange(100, 116)
    together = EVERYTHING.apply(pixels, samples, 3, 5, pad_value=9)
    assert np.array_equal(
        EVERYTHING.apply(pixels[part], samples[part], 3, 5, pad_value=9), together[part]
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"rotate": 181.0}, "rotate 181"), ({"crop": 0.95}, "crop 0.95"), ({"erase": -0.1}, "erase")],
)
def test_numbers_out_of_range_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=f"{message}.* is not between 0 and"):
        Augmentation(**fields)
