from __future__ import annotations

from convwise.design import zoo
from convwise.design.network import Network
from convwise.design.widths import with_widths


def test_widths_change_inside_blocks_and_the_classes_stay() -> None:
    network = Network.from_text(
        "conv 8 3 same | repeat 2 ( residual ( conv 8 3 same norm relu ) ) | flatten | dense 10"
        " | dense classes"
    )
    wider = Network.from_text(
        "conv 24 3 same | repeat 2 ( residual ( conv 24 3 same norm relu ) ) | flatten | dense 30"
        " | dense classes"
    )
    assert with_widths(network, lambda width: 3 * width) == wider


def test_the_same_widths_give_the_same_network() -> None:
    for name in ("fast", "lenet", "alexnet", "vgg-small"):
        network = zoo.network(name)
        assert with_widths(network, lambda width: width) == network
