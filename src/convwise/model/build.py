"""A Plan becomes a torch module that runs it."""

from __future__ import annotations

import itertools
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from convwise.design.plan import Plan, Row
from convwise.model.activations import ACTIVATIONS
from convwise.model.lower import lower
from convwise.model.modules import (
    ActivatedSum,
    Apply,
    BatchNorm,
    Convolution,
    FullyConnected,
    MaxPool,
    PooledConvolution,
    ResidualSum,
)
from convwise.model.weights import initialise


class ConvNet(nn.Module):
    """A network as designed: images in, one logit per class out.

    A softmax at the end of the design is left out, because the loss and the calibration want
    logits; whoever wants probabilities applies it (``evaluation.predict``).

    Args:
        plan: a plan without a problem.
        fuse: let neighbouring layers be computed together where the result is the same; names and
            weights stay where they are.

    Raises:
        DesignError: the plan has a problem.
    """

    def __init__(self, plan: Plan, *, fuse: bool = True) -> None:
        super().__init__()
        self.plan = plan.require()
        last = plan.rows[-1]
        for row in plan.rows:
            self.add_module(row.name, _lower_last(row) if row is last else lower(row))
        self._first_two = ""
        if fuse:
            for rows in plan.sequences:
                self._pool_before_relu(rows)
                self._relu_with_what_precedes(rows)
            self._pool_with_the_first_convolution(plan.tree)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) float → (batch, classes) logits."""
        if images.device.type == "mps":
            # torch 2.13 computes some backward passes wrongly in channels_last order there.
            images = images.contiguous()
        rows = self.plan.tree
        both = self._modules.get(self._first_two)
        # Not if one of the two was replaced since.
        if isinstance(both, PooledConvolution) and both.parts == self._named(rows[:2]):
            return self._run(rows[2:], both(images))
        return self._run(rows, images)

    def _run(self, rows: tuple[Row, ...], x: Tensor) -> Tensor:
        for row in rows:
            module = cast(nn.Module, self._modules[row.name])
            branches = [self._run(branch, x) for branch in row.branches]
            x = module(x, *branches)
        return x

    def _named(self, rows: tuple[Row, ...]) -> tuple[nn.Module, ...]:
        return tuple(cast(nn.Module, self._modules[row.name]) for row in rows)

    def _pool_before_relu(self, rows: tuple[Row, ...]) -> None:
        """Let max-pooling go before the ReLU that precedes it.

        The two commute exactly, and pooling first leaves the ReLU a quarter of the work.
        """
        for before, row in itertools.pairwise(rows):
            module, pool = self._modules[before.name], self._modules[row.name]
            if not isinstance(pool, MaxPool) or not isinstance(module, Convolution | Apply):
                continue
            if module.activation is F.relu:
                module.activation, pool.activation = None, F.relu

    def _pool_with_the_first_convolution(self, rows: tuple[Row, ...]) -> None:
        """Let the pictures' own convolution and the pooling after it be computed at once."""
        if len(rows) < 2:
            return
        both = PooledConvolution.of(*self._named(rows[:2]))
        if both is not None:
            self._first_two = f"{rows[0].name}+{rows[1].name}"
            self.add_module(self._first_two, both)

    def _relu_with_what_precedes(self, rows: tuple[Row, ...]) -> None:
        """Let batch normalisation, and the sum of a residual block, apply the ReLU that follows."""
        for before, row in itertools.pairwise(rows):
            module, apply = self._modules[before.name], self._modules[row.name]
            module = module.total if isinstance(module, ResidualSum) else module
            if not isinstance(module, BatchNorm | ActivatedSum) or not isinstance(apply, Apply):
                continue
            if apply.activation is F.relu:
                module.activation, apply.activation = F.relu, None


def _lower_last(row: Row) -> nn.Module:
    module = lower(row)
    softmax = ACTIVATIONS["softmax"]
    if isinstance(module, FullyConnected | Apply) and module.activation is softmax:
        module.activation = None
    return module


def build(plan: Plan, *, seed: int = 0, fuse: bool = True) -> ConvNet:
    """Build the module of a plan and draw its first weights.

    Args:
        plan: a plan without a problem.
        seed: the same seed gives the same weights, layer by layer.
        fuse: see :class:`ConvNet`.

    Raises:
        DesignError: the plan has a problem.

    Example:
        >>> from convwise.design.plan import plan
        >>> network = build(plan("lenet", "28x28x1", 10))
        >>> sum(weight.numel() for weight in network.parameters())
        61706
    """
    network = ConvNet(plan, fuse=fuse)
    initialise(network, seed)
    return network
