from __future__ import annotations

import numpy as np
import pytest
import torch

from convwise.data.batches import to_input
from convwise.errors import OptionError
from convwise.explain.feature_maps import feature_maps, layers_with_maps
from known_answers import with_square

NOISE = np.random.default_rng(0).integers(0, 256, (12, 12, 1), dtype=np.uint8)


def test_a_filter_of_ones_gives_the_sum_of_its_window(squares):
    found = feature_maps(squares(), with_square(5, 7), "conv1")
    assert (found.shape, found.dtype) == ((1, 12, 12), np.float32)
    wanted = np.zeros((12, 12))
    wanted[5, 7] = 1.0
    np.testing.assert_allclose(found[0], wanted, atol=1e-5)


def test_a_convolution_before_pooling_shows_its_own_activation(made):
    text = "conv 4 3 relu | maxpool 2 | flatten | dense classes"
    model = made(text)
    assert model.network.conv1.activation is None, "the fused network pools before its ReLU"
    conv, pool = (feature_maps(model, NOISE, name) for name in ("conv1", "pool1"))
    assert conv.min() == 0.0
    blocks = conv.reshape(4, 5, 2, 5, 2).max(axis=(2, 4))
    np.testing.assert_allclose(pool, blocks, atol=1e-6)


def test_maps_of_each_layer_have_the_plans_shape(made):
    text = "conv 4 3 same norm relu\nresidual\n  conv 8 3 2 same relu\n  conv 8 3 same\n"
    model = made(text + "relu\nmaxpool 2\ndropout 0.5\nflatten\ndense classes")
    rows = {row.name: row for row in model.network.plan.rows}
    names = layers_with_maps(model)
    assert names == [
        *(
            "conv1",
            "norm1",
            "activation1",
            "conv2",
            "conv3",
            "add1",
            "activation2",
            "pool1",
            "dropout1",
        ),
    ]
    for name in names:
        height, width, channels = rows[name].output_shape
        assert feature_maps(model, NOISE, name).shape == (channels, height, width)


def test_the_last_map_is_what_the_network_goes_on_with(made):
    model = made("conv 4 3 norm relu | global_avgpool | dense classes")
    with torch.no_grad():
        logits = model.network(to_input(NOISE[None], model.image_format))[0]
        means = torch.from_numpy(feature_maps(model, NOISE, "activation1")).mean(dim=(1, 2))
        torch.testing.assert_close(model.network.dense1(means[None])[0], logits)


def test_a_network_without_maps_has_no_layers_to_show(made):
    model = made("flatten | dense classes")
    assert layers_with_maps(model) == []
    with pytest.raises(OptionError, match="this network has no maps at all"):
        feature_maps(model, NOISE, "dense1")
