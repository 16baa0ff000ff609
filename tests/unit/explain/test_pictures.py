from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from convwise.explain.pictures import (
    coloured,
    enlarged,
    laid_over,
    levels,
    png,
    sheet,
    signed,
    signed_over,
    thumbnail,
)


def test_more_is_lighter():
    grey = coloured(np.linspace(0, 1, 50)[None]).mean(axis=2)[0]
    assert (np.diff(grey) > 0).all()


def test_signs_are_told_apart_and_nothing_is_pale():
    against, neither, in_favour = signed(np.array([[-2.0, 0.0, 2.0]]))[0].astype(int)
    assert against[2] > against[0]
    assert in_favour[0] > in_favour[2]
    assert neither.min() > 230
    assert signed(np.zeros((2, 2))).min() > 230


def test_where_nothing_is_said_the_picture_stays():
    picture = np.random.default_rng(0).integers(0, 256, (4, 4, 1), dtype=np.uint8)
    zeros = np.zeros((4, 4))
    for drawn in (laid_over(picture, zeros), signed_over(picture, zeros)):
        np.testing.assert_array_equal(drawn, np.repeat(picture, 3, axis=2))


def test_levels_reach_from_black_to_white():
    assert levels(np.array([[-3.0, -1.0, 1.0]]))[0, :, 0].tolist() == [0, 128, 255]
    assert levels(np.ones((2, 2))).max() == 0


def test_a_sheet_has_its_tiles_in_order():
    tiles = [np.full((2, 3, 1), level, np.uint8) for level in (10, 20, 30)]
    made = sheet(tiles, 2, gap=1, ground=0)
    assert made.shape == (5, 7, 3)
    assert made[0, 0, 0] == 10
    assert made[0, 4, 0] == 20
    assert made[3, 0, 0] == 30
    assert made[3, 4, 0] == 0


@pytest.mark.parametrize("shape", [(5, 7, 1), (5, 7, 3), (1, 1, 3)])
def test_a_png_holds_the_pixels(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(png(picture))))
    np.testing.assert_array_equal(read.reshape(shape), picture)
    large = Image.open(io.BytesIO(png(picture, least=21)))
    assert max(large.size) == 21
    np.testing.assert_array_equal(enlarged(picture, 1), picture)


def test_a_thumbnail_is_no_longer_than_asked():
    assert thumbnail(np.zeros((50, 200, 3), np.uint8), 40).shape == (10, 40, 3)
    assert thumbnail(np.zeros((50, 200, 1), np.uint8), 40).shape == (10, 40, 1)
    small = np.zeros((5, 4, 1), np.uint8)
    assert thumbnail(small, 40) is small
