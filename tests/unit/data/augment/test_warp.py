from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from convwise.data.augment.warp import affine_maps, warp

ONE = np.ones(1)
MIDDLE = np.array([[0.5, 0.5]])
PICTURE = np.random.default_rng(0).integers(0, 256, (1, 12, 16, 3), dtype=np.uint8)


def warped(
    degrees: float = 0.0,
    factor: float = 1.0,
    side: float = 1.0,
    place: tuple[float, float] = (0.5, 0.5),
    picture: np.ndarray = PICTURE,
) -> np.ndarray:
    maps = affine_maps(
        picture.shape[1:3], degrees * ONE, factor * ONE, side * ONE, np.array([place])
    )
    return warp(picture, maps, pad_value=7)[0]


def test_no_change_keeps_every_pixel() -> None:
    assert np.array_equal(warped(), PICTURE[0])


def test_half_a_turn_reverses_both_axes() -> None:
    assert np.array_equal(warped(180.0), PICTURE[0, ::-1, ::-1])


def test_a_quarter_turn_is_counter_clockwise() -> None:
    square = PICTURE[:, :, :12]
    assert np.array_equal(warped(90.0, picture=square), np.rot90(square[0]))


@pytest.mark.parametrize("degrees", [-25.0, 10.0, 77.0])
def test_other_turns_agree_with_pillow(degrees: float) -> None:
    smooth = (np.indices((40, 40)).sum(axis=0) * 3).astype(np.uint8)
    expected = np.asarray(
        Image.fromarray(smooth).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=7)
    )
    found = warped(degrees, picture=smooth[None, :, :, None])[..., 0]
    inner = np.hypot(*(np.indices((40, 40)) - 19.5)) < 17
    assert np.abs(found.astype(int) - expected)[inner].max() <= 1


def test_a_crop_in_a_corner_shows_that_corner_enlarged() -> None:
    blocks = np.kron(np.array([[10, 20], [30, 40]]), np.ones((8, 8)))[None, :, :, None]
    corner = warped(side=0.5, place=(1.0, 0.0), picture=blocks.astype(np.uint8))
    # The outermost pixels lie half on the fill, and those opposite half on the next block.
    assert set(corner[2:-2, 2:-2].ravel()) == {30}


def test_a_smaller_picture_lies_on_the_fill() -> None:
    small = warped(factor=0.5, picture=np.full((1, 16, 16, 1), 200, np.uint8))[..., 0]
    assert np.array_equal(small == 200, np.pad(np.ones((8, 8), bool), 4))
    assert small[0, 0] == 7
