from __future__ import annotations

import numpy as np
import pytest

from convwise.data.augment.rectangle import rectangles

NUMBERS = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(28, 28), (10, 40), (1, 1)])
def test_each_is_one_rectangle_of_about_its_area(size: tuple[int, int]) -> None:
    count = 300
    areas, places = NUMBERS.random(count), NUMBERS.random((count, 2))
    inside = rectangles(size, areas, np.exp(NUMBERS.uniform(-1, 1, count)), places)
    assert inside.shape == (count, *size)
    for mask, area in zip(inside, areas, strict=True):
        down, across = mask.any(axis=1), mask.any(axis=0)
        assert np.array_equal(mask, down[:, None] & across[None, :])
        for line in (down, across):
            assert np.diff(np.flatnonzero(line), prepend=0).max(initial=1) >= 0
            assert (np.diff(np.flatnonzero(line)) == 1).all()
        # Each side may be off by half a pixel.
        slack = 0.5 * (1 / size[0] + 1 / size[1]) + 0.25 / (size[0] * size[1])
        assert abs(mask.mean() - area) <= slack + 1e-9


def test_nothing_and_everything() -> None:
    inside = rectangles((5, 6), np.array([0.0, 1.0]), np.ones(2), np.full((2, 2), 0.3))
    assert [int(mask.sum()) for mask in inside] == [0, 30]


def test_places_reach_from_end_to_end() -> None:
    inside = rectangles((4, 4), np.full(2, 0.25), np.ones(2), np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert inside[0, :2, 2:].all()
    assert inside[1, 2:, :2].all()
