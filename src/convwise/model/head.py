"""The head of a network: its last dense layer, which turns features into classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn

from convwise.design.block import Block
from convwise.design.dense import Dense
from convwise.design.layer import Layer
from convwise.design.network import Network
from convwise.design.plan import Plan, Row
from convwise.errors import DesignError
from convwise.model.build import ConvNet


def with_new_head(network: Network) -> Network:
    """Return the network with as many outputs of its head as there will be classes.

    Raises:
        DesignError: the network does not end in a dense layer.

    Example:
        >>> with_new_head(Network.from_text("flatten | dense 3 softmax")).to_text()
        'flatten\\ndense classes softmax'
    """
    layers = list(network.layers)
    place = _head_place(layers)
    layers[place] = dataclasses.replace(layers[place], units="classes")  # type: ignore[type-var]
    return Network(tuple(layers))


def head_rows(plan: Plan) -> tuple[Row, ...]:
    """Return the rows of the head and of what follows it.

    Raises:
        DesignError: the network does not end in a dense layer.
    """
    return plan.tree[_head_place([row.layer for row in plan.tree]) :]


def _head_place(layers: Sequence[Layer]) -> int:
    for place in reversed(range(len(layers))):
        if isinstance(layers[place], Dense):
            return place
        if isinstance(layers[place], Block):
            break
    raise DesignError(
        "the network does not end in a dense layer, so it has no head to replace",
        fixes=("let it end in dense classes",),
    )


class FeatureReader:
    """Runs a network and keeps what enters its head.

    Args:
        network: it is not changed.

    Example:
        >>> import torch
        >>> from convwise.design.plan import plan
        >>> from convwise.model.build import build
        >>> network = build(plan("conv 4 3 relu | global_avgpool | dense classes", "8x8x1", 2))
        >>> FeatureReader(network)(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 4])
    """

    def __init__(self, network: ConvNet) -> None:
        self._network = network
        self._head: nn.Module = getattr(network, head_rows(network.plan)[0].name)

    def __call__(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → the head's input, (batch, …)."""
        kept: list[Tensor] = []
        hook = self._head.register_forward_pre_hook(lambda module, given: kept.append(given[0]))
        try:
            self._network(images)
        finally:
            hook.remove()
        return kept[0]


def run_head(network: ConvNet, features: Tensor) -> Tensor:
    """Return the logits, (batch, classes), of features that :class:`FeatureReader` kept."""
    for row in head_rows(network.plan):
        features = getattr(network, row.name)(features)
    return features
