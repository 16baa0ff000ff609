from __future__ import annotations

import pytest
import torch

from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.errors import DesignError
from convwise.model.build import build
from convwise.model.head import FeatureReader, head_rows, run_head, with_new_head

HEADS = {
    "conv 4 3 same relu | global_avgpool | dropout 0.5 | dense 3 softmax": (["dense1"], (4,)),
    "conv 4 3 same | flatten | dense 3 | softmax": (["dense1", "activation1"], (256,)),
    "flatten | dense 6 relu | dense 3": (["dense2"], (6,)),
}


@pytest.mark.parametrize("text", HEADS)
def test_the_head_gets_as_many_outputs_as_classes(text: str) -> None:
    network = with_new_head(Network.from_text(text))
    assert plan(network, "8x8x1", 7).require().output_shape == (7,)
    assert with_new_head(network) == network


@pytest.mark.parametrize("text", HEADS)
def test_features_are_what_enters_the_head_and_the_head_makes_logits_of_them(text: str) -> None:
    network = build(plan(with_new_head(Network.from_text(text)), "8x8x1", 5)).eval()
    names, shape = HEADS[text]
    assert [row.name for row in head_rows(network.plan)] == names
    images = torch.randn(2, 1, 8, 8, generator=torch.manual_seed(0))
    features = FeatureReader(network)(images)
    assert features.shape[1:] == shape
    torch.testing.assert_close(run_head(network, features), network(images))


def test_reading_features_leaves_no_hook() -> None:
    network = build(plan("flatten | dense classes", "4x4x1", 2))
    FeatureReader(network)(torch.zeros(1, 1, 4, 4))
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize(
    "text", ["dense 4\nresidual\n  dense 4", "conv 3 1 | global_avgpool | softmax"]
)
def test_a_network_without_a_head_is_told(text: str) -> None:
    with pytest.raises(DesignError, match="no head to replace"):
        with_new_head(Network.from_text(text))
