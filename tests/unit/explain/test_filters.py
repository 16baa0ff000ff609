from __future__ import annotations

import numpy as np
import pytest

from convwise.errors import DesignError
from convwise.explain.filters import learned_filters
from convwise.explain.stages import some_stages, stages


def test_kernels_are_the_weights_of_the_first_layer(made):
    kernel = np.arange(2 * 3 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 3)
    model = made(
        "conv 2 3 relu | conv 4 3 | flatten | dense classes",
        "12x12x3",
        weights={"conv1.kernel": kernel},
    )
    found = learned_filters(model)
    np.testing.assert_array_equal(found.kernels, kernel.transpose(0, 2, 3, 1))
    assert (found.layer, found.learnt) == ("conv1", True)
    assert found.caption == "conv1: 2 learned filters of 3×3"


def test_a_filter_in_colour_shows_the_colour_it_answers_to(made):
    kernel = np.zeros((1, 3, 1, 1), np.float32)
    kernel[0, :, 0, 0] = (0.5, -0.5, 0.0)
    model = made("conv 1 1 | flatten | dense classes", "2x2x3", weights={"conv1.kernel": kernel})
    assert learned_filters(model).tiles()[0].tolist() == [[[255, 0, 128]]]


@pytest.mark.parametrize(
    ("text", "count", "size"),
    [
        ("depthwise 3 | flatten | dense classes", 1, (3, 3)),
        ("separable 6 5 | flatten | dense classes", 1, (5, 5)),
        ("maxpool 2 | conv 70 3 | flatten | dense classes", 70, (3, 3)),
    ],
)
def test_every_kind_of_convolution_has_filters(made, text, count, size):
    found = learned_filters(made(text))
    assert found.kernels.shape == (count, *size, 1)
    assert found.drawn().dtype == np.uint8


def test_hand_picked_filters_are_told_as_such(made):
    found = learned_filters(made("fixed sobel same | conv 4 3 | flatten | dense classes"))
    assert not found.learnt
    assert "hand-picked" in found.caption


def test_what_has_no_filters_is_told(made):
    with pytest.raises(DesignError, match="no convolution"):
        learned_filters(made("flatten | dense classes"))


def test_a_stage_ends_where_its_map_is_complete(made):
    text = "conv 4 3 norm relu | maxpool 2 | conv 4 3 | flatten | dense classes"
    plan = made(text).network.plan
    found = [(stage.filters.name, stage.output.name) for stage in stages(plan)]
    assert found == [("conv1", "activation1"), ("conv2", "conv2")]


def test_some_stages_are_the_first_the_last_and_some_between(made):
    plan = made("repeat 9\n  conv 4 3 same\nflatten\ndense classes").network.plan
    names = [stage.filters.name for stage in some_stages(plan, 3)]
    assert names == ["conv1", "conv5", "conv9"]
    assert len(some_stages(plan, 20)) == 9
