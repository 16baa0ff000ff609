from __future__ import annotations

import numpy as np
import pytest

from convwise.data.store import PixelStore
from convwise.explain.feature_maps import feature_maps
from convwise.explain.strongest import strongest_inputs
from known_answers import with_square

NOISE = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 1), dtype=np.uint8)


def test_the_strongest_patch_is_the_square_that_the_filter_finds(squares):
    places = [(3, 4), (8, 2), (6, 9)]
    pictures = np.stack([np.zeros((12, 12), np.uint8), *(with_square(*place) for place in places)])
    pictures[2] //= 2
    (found,) = strongest_inputs(squares(), pictures[..., None], each=4)
    strongest = found.patches[0]
    # Half as bright sums to 4.5, below the 8 that the filter asks for; of equals, the first leads.
    assert [patch.image for patch in strongest] == [1, 3, 0, 2]
    assert [patch.place for patch in strongest[:2]] == [places[0], places[2]]
    assert (strongest[0].pixels == 255).all()
    assert strongest[0].pixels.shape == (3, 3, 1)
    assert (found.layer, found.behind, found.seen) == ("conv1", "conv1", (3, 3))


def test_patches_are_those_of_the_largest_answers(made):
    model = made("conv 5 3 norm relu | maxpool 2 | conv 7 3 relu | flatten | dense classes")
    store = PixelStore(NOISE, np.zeros(40, np.int64), tuple(map(str, range(40))))
    first, second = strongest_inputs(model, store, each=6)
    assert (first.behind, second.behind) == ("activation1", "conv2")
    maps = np.stack([feature_maps(model, picture, "conv2") for picture in NOISE])
    for channel, patches in zip(second.channels, second.patches, strict=True):
        strongest = np.sort(maps[:, channel].max(axis=(1, 2)))[::-1][:6]
        values = [patch.value for patch in patches]
        np.testing.assert_allclose(values, strongest, atol=1e-5)
        for patch in patches:
            assert maps[patch.image, channel][patch.place] == pytest.approx(patch.value, abs=1e-5)
            box = patch.box
            cut = NOISE[patch.image, box.top : box.top + 8, box.left : box.left + 8]
            np.testing.assert_array_equal(patch.pixels, cut)
    assert second.seen == (8, 8)


def test_silent_filters_are_counted_and_have_no_patches(made):
    kernel = np.ones((3, 1, 3, 3), np.float32)
    kernel[1] = -1.0
    model = made(
        "conv 3 3 relu | flatten | dense classes",
        weights={"conv1.kernel": kernel, "conv1.bias": 0.0},
    )
    (found,) = strongest_inputs(model, NOISE)
    assert found.silent == (1,)
    assert found.channels == (0, 2)
    assert all(found.patches)
    assert found.caption.endswith("; 1 filter never answers")


def test_a_field_beyond_the_border_is_grey_there(made):
    model = made("conv 1 5 same | flatten | dense classes", weights={"conv1.kernel": 1.0})
    picture = np.zeros((1, 12, 12, 1), np.uint8)
    picture[0, 0, 0] = 255
    (found,) = strongest_inputs(model, picture)
    patch = found.patches[0][0]
    assert patch.box == (-2, -2, 5, 5)
    assert patch.pixels[0, 0, 0] == 128
    assert patch.pixels[2, 2, 0] == 255


def test_a_field_larger_than_the_picture_is_the_picture(made):
    model = made("conv 2 9 same | conv 2 9 same | flatten | dense classes")
    *_, last = strongest_inputs(model, NOISE[:3])
    assert last.seen == (17, 17)
    assert last.patches[0][0].pixels.shape == (12, 12, 1)


def test_channels_are_chosen_evenly_and_no_images_give_nothing(made):
    model = made("conv 50 3 | flatten | dense classes")
    (found,) = strongest_inputs(model, NOISE[:2], channels=3)
    assert found.channels == (0, 24, 49)
    assert found.drawn().shape[2] == 3
    assert strongest_inputs(model, NOISE[:0]) == ()
    assert strongest_inputs(made("flatten | dense classes"), NOISE) == ()
