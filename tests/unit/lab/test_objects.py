from __future__ import annotations

import numpy as np
import pytest

from convwise.errors import DataError
from convwise.lab.objects import Picture, fitted, from_bytes, in_channels
from convwise.studies.images.place import on_canvas
from lab_client import pixels

SHOE = np.zeros((28, 28, 1), np.uint8)
SHOE[12:22, 3:27] = 200


def test_an_object_lies_on_the_level_of_its_own_border() -> None:
    picture = Picture.of(255 - SHOE)
    assert picture.background == (255,)
    assert picture.box == (12, 3, 22, 27)
    canvas = picture.on_canvas(38, 38, 5, 5)
    assert (canvas[:5] == 255).all()
    assert np.array_equal(canvas[5:33, 5:33], 255 - SHOE)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (5, -5), (-3, 2)])
def test_a_canvas_is_the_one_that_the_study_tests_on(down: int, right: int) -> None:
    canvas = Picture.of(SHOE).on_canvas(38, 38, 5 + down, 5 + right)
    assert np.array_equal(canvas, on_canvas(SHOE[np.newaxis], 5, down, right)[0])


def test_what_leaves_the_canvas_is_cut_off() -> None:
    picture = Picture.of(pixels((4, 4, 3)))
    for place in ((-2, 3), (9, 9), (-9, 0)):
        assert picture.on_canvas(6, 5, *place).shape == (6, 5, 3)
    assert np.array_equal(picture.on_canvas(6, 5, -2, 3)[:2, 3:], picture.pixels[2:, :2])


def test_at_every_place_the_whole_object_is_on_the_canvas() -> None:
    picture = Picture.of(SHOE)
    tops, lefts = picture.places(38, 38, 10_000)
    assert (tops[0], tops[-1]) == (-12, 16)
    assert (lefts[0], lefts[-1]) == (-3, 11)
    content = int(SHOE.sum())
    for top in (tops[0], tops[-1]):
        for left in (lefts[0], lefts[-1]):
            assert int(picture.on_canvas(38, 38, top, left).sum()) == content


@pytest.mark.parametrize("most", [1, 9, 100])
def test_places_are_few_enough_and_reach_the_edges(most: int) -> None:
    tops, lefts = Picture.of(SHOE).places(200, 200, most)
    assert len(tops) * len(lefts) <= max(most, 4)
    assert (tops[0], tops[-1]) == (-12, 200 - 22)
    assert (lefts[0], lefts[-1]) == (-3, 200 - 27)


def test_an_object_larger_than_the_canvas_has_one_place() -> None:
    tops, lefts = Picture.of(pixels((9, 9, 1))).places(4, 4, 100)
    assert (len(tops), len(lefts)) == (1, 1)


def test_a_picture_of_one_level_is_an_object_all_over() -> None:
    assert Picture.of(np.full((3, 4, 1), 9, np.uint8)).box == (0, 0, 3, 4)
    assert Picture.of(np.full((1, 1, 3), 9, np.uint8)).background == (9, 9, 9)


@pytest.mark.parametrize("shape", [(40, 20, 3), (3, 50, 1), (1, 1, 1), (12, 12, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_fitted_whole_and_in_its_proportions(
    shape: tuple[int, int, int], channels: int
) -> None:
    found = fitted(pixels(shape), 12, 12, channels)
    height, width = found.shape[:2]
    assert found.shape[2] == channels
    assert max(height, width) == 12
    assert (
        abs(height / width - shape[0] / shape[1]) * min(height, width) <= 1.0
        or min(height, width) == 1
    )


def test_a_picture_of_the_right_size_keeps_its_pixels() -> None:
    assert np.array_equal(fitted(SHOE, 28, 28, 1), SHOE)


def test_pixels_come_row_by_row() -> None:
    wanted = pixels((3, 4, 3))
    assert np.array_equal(from_bytes(wanted.tobytes(), 3, 4, 3), wanted)
    with pytest.raises(DataError, match="35 bytes came, an image of 3×4×3 has 36"):
        from_bytes(wanted.tobytes()[1:], 3, 4, 3)


def test_a_grey_network_sees_a_coloured_canvas_in_grey() -> None:
    colour = np.zeros((1, 2, 2, 3), np.uint8)
    colour[..., 1] = 255
    assert in_channels(colour, 1).ravel().tolist() == [150] * 4
    assert in_channels(in_channels(colour, 1), 3).shape == (1, 2, 2, 3)
