from __future__ import annotations

import numpy as np

from convwise.data.augment.tone import change_tone

PIXELS = np.random.default_rng(0).integers(40, 200, (6, 5, 7, 3), dtype=np.uint8)
ZEROS, ONES = np.zeros(6), np.ones(6)


def test_nothing_asked_changes_nothing() -> None:
    same = change_tone(PIXELS, ZEROS, ONES)
    assert np.array_equal(same, PIXELS)
    assert not np.shares_memory(same, PIXELS)


def test_brightness_adds_and_stops_at_the_ends() -> None:
    assert np.array_equal(change_tone(PIXELS, 0.2 * ONES, ONES), np.clip(PIXELS + 51.0, 0, 255))
    assert not change_tone(PIXELS, -ONES, ONES).any()


def test_no_contrast_leaves_the_mean() -> None:
    flat = change_tone(PIXELS, ZEROS, ZEROS)
    means = np.rint(PIXELS.mean(axis=(1, 2, 3)))
    assert np.array_equal(flat, np.broadcast_to(means[:, None, None, None], PIXELS.shape))


def test_each_picture_has_a_change_of_its_own() -> None:
    changed = change_tone(PIXELS, np.array([0.0, 0.1, 0, 0, 0, 0]), ONES)
    assert (changed != PIXELS).any(axis=(1, 2, 3)).tolist() == [False, True] + [False] * 4
