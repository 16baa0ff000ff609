from __future__ import annotations

import numpy as np
import pytest
import torch

from convwise.data.batches import to_input
from convwise.errors import OptionError
from convwise.explain.network import as_designed, differentiating, kept_outputs
from convwise.explain.receptive import Box, receptive_field

NOISE = np.random.default_rng(0).integers(0, 256, (24, 20, 1), dtype=np.uint8)
TEXT = "conv 4 3 same | avgpool 2 | conv 4 3 2 same | flatten | dense classes"


@pytest.mark.parametrize("place", [(0, 0), (3, 2), (5, 4)])
def test_the_box_is_where_the_gradient_of_the_place_arrives(made, place):
    model = made(TEXT, "24x20x1")
    found = receptive_field(model, NOISE, "conv2", place)
    network = as_designed(model.network)
    with differentiating(), kept_outputs(network, ["conv2"]) as outputs:
        inputs = to_input(NOISE[None], model.image_format).requires_grad_()
        network(inputs)
        (slopes,) = torch.autograd.grad(outputs["conv2"][0, :, *place].sum(), inputs)
    rows, columns = (slopes[0].abs().sum(dim=0) > 0).nonzero(as_tuple=True)
    box = found.box
    assert max(box.top, 0) == rows.min()
    assert min(box.top + box.height, 24) - 1 == rows.max()
    assert max(box.left, 0) == columns.min()
    assert min(box.left + box.width, 20) - 1 == columns.max()


def test_what_is_not_seen_is_dark_and_the_rest_as_it_is(made):
    model = made("conv 4 3 | flatten | dense classes", "24x20x1")
    found = receptive_field(model, np.full((24, 20), 200, np.uint8), "conv1", (5, 6))
    assert found.box == Box(5, 6, 3, 3)
    drawn = found.drawn()
    times = 224 // 24
    assert (drawn[5 * times : 8 * times, 6 * times : 9 * times] == 200).all()
    assert drawn[5 * times - 1, 6 * times].tolist() == [255, 176, 0]
    assert (drawn[: 5 * times - 3] < 100).all()
    assert found.caption == "Place (5, 6) of conv1 sees 3×3 pixels"


def test_the_middle_is_taken_and_wrong_places_are_told(made):
    model = made(TEXT, "24x20x1")
    found = receptive_field(model, NOISE, "conv1", (0, 0))
    assert found.caption.endswith("some of them beyond the picture")
    assert receptive_field(model, NOISE, "conv2").place == (3, 2)
    with pytest.raises(OptionError, match=r"conv2 leaves 6×5 places; there is no place \(6, 0\)"):
        receptive_field(model, NOISE, "conv2", (6, 0))


@pytest.mark.parametrize("box", [Box(-2, -3, 4, 5), Box(10, 8, 6, 6), Box(-1, -1, 40, 40)])
def test_a_box_cut_out_is_grey_beyond_the_picture(box):
    picture = np.random.default_rng(0).integers(0, 100, (12, 10, 3), dtype=np.uint8)
    cut = box.cut(picture)
    for row in range(box.height):
        for column in range(box.width):
            at = (box.top + row, box.left + column)
            inside = 0 <= at[0] < 12 and 0 <= at[1] < 10
            assert cut[row, column].tolist() == (picture[at].tolist() if inside else [128] * 3)
