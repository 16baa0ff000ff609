"""An average of the weights over the last steps, which a training may end with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of a network's weights and moving statistics.

    Each step moves it by ``1 - decay`` of the way to the present weights. Over the first steps it
    follows faster, so that it forgets the weights that training began with. All that it knows lies
    in :attr:`weights`; a checkpoint that holds them lets a training go on as if it had never
    stopped.

    Source: Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging", with
    a window that is exponential instead of all steps (Tarvainen and Valpola 2017, section 2).

    Args:
        decay: share of the average that a step keeps, 0…1 (1 excluded); 0 keeps no average.

    Attributes:
        weights: name → average, as large and in the memory order of what it is of; empty before
            the first step.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> average = WeightAverage(0.5)
        >>> for value in (1.0, 3.0):
        ...     _ = layer.weight.data.fill_(value)
        ...     average.update(layer, step=99)
        >>> average.weights["weight"].item()
        2.0
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after a step.

        Args:
            network: whose weights are averaged, always the same.
            step: how many steps it had taken before.
        """
        if not self.decay:
            return
        present = network.state_dict()
        if not self.weights:
            self.weights = {name: value.detach().clone() for name, value in present.items()}
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        averages = [self.weights[name] for name in present]
        torch._foreach_lerp_(averages, list(present.values()), 1.0 - decay)

    @contextmanager
    def in_place(self, network: nn.Module) -> Iterator[None]:
        """Let the network have the averages for a while, for example to be validated."""
        if not self.weights:
            yield
            return
        own = {name: value.detach().clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.weights)
        try:
            yield
        finally:
            network.load_state_dict(own)

    def restore(self, weights: dict[str, Tensor], network: nn.Module) -> None:
        """Go on from averages that a checkpoint kept.

        Raises:
            KeyError: the network has a weight that they are not of.
        """
        self.weights = {
            name: torch.empty_like(value).copy_(weights[name])
            for name, value in (network.state_dict().items() if weights else ())
        }
