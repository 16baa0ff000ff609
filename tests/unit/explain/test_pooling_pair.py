from __future__ import annotations

import numpy as np
import pytest

from convwise.errors import DesignError, OptionError
from convwise.explain.feature_maps import feature_maps
from convwise.explain.pooling import both_poolings

NOISE = np.random.default_rng(0).integers(0, 256, (12, 12, 1), dtype=np.uint8)


def blocks(maps):
    return maps.reshape(len(maps), 5, 2, 5, 2)


@pytest.mark.parametrize(("word", "uses"), [("maxpool", "max"), ("avgpool", "average")])
def test_one_map_is_pooled_in_both_ways(made, word, uses):
    model = made(f"conv 3 3 relu | {word} 2 | flatten | dense classes")
    found = both_poolings(model, NOISE)
    maps = feature_maps(model, NOISE, "conv1")
    np.testing.assert_allclose(found.maps, maps, atol=1e-6)
    np.testing.assert_allclose(found.largest, blocks(maps).max(axis=(2, 4)), atol=1e-6)
    np.testing.assert_allclose(found.mean, blocks(maps).mean(axis=(2, 4)), atol=1e-6)
    own = found.largest if uses == "max" else found.mean
    np.testing.assert_allclose(own, feature_maps(model, NOISE, "pool1"), atol=1e-6)
    assert found.caption.endswith(f"pool1 takes the {uses}")


def test_a_network_that_does_not_pool_is_shown_what_pooling_would_do(made):
    found = both_poolings(made("conv 3 3 relu | flatten | dense classes"), NOISE)
    assert (found.pooling, found.uses, found.size) == (None, None, (2, 2))
    assert found.mean.shape == (3, 5, 5)
    assert found.caption.endswith("this network does not pool")


def test_all_three_are_drawn_to_one_scale(made):
    model = made("maxpool 2 | flatten | dense classes")
    picture = np.zeros((12, 12), np.uint8)
    picture[4, 4] = 255
    found = both_poolings(model, picture)
    whole, largest, mean = found.tiles()
    assert (whole.max(), largest.max(), mean.max()) == (255, 255, 64)
    assert (largest.shape, mean.shape) == ((6, 6, 1), (6, 6, 1))
    assert found.drawn().shape == (12, 3 * 12 + 2 * 4, 3)


def test_what_cannot_be_pooled_is_told(made):
    with pytest.raises(DesignError, match="none to pool"):
        both_poolings(made("flatten | dense classes"), NOISE)
    with pytest.raises(OptionError, match="conv1 is no pooling layer"):
        both_poolings(made("conv 3 3 | maxpool 2 | flatten | dense classes"), NOISE, "conv1")
