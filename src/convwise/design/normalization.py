"""BatchNormalization: each channel brought to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

from convwise.design.arguments import Flag, Number, about
from convwise.design.layer import Layer, Shape, Weight


@dataclass(frozen=True, kw_only=True)
class BatchNormalization(Layer):
    """Normalisation of each channel by the batch in training, by running averages afterwards.

    Source: Ioffe and Szegedy (2015); defaults are Keras 3's. A running average keeps ``momentum``
    of itself at each step (PyTorch's momentum is one minus it).

    Args:
        momentum: share of the running averages that a step keeps, 0 to 1.
        epsilon: added to the variance.
        center: learn a shift (beta) for each channel.
        scale: learn a factor (gamma) for each channel.

    Raises:
        DesignError: an argument is out of range.

    Example:
        >>> [weight.name for weight in BatchNormalization().weights((7, 7, 64))]
        ['gamma', 'beta', 'moving_mean', 'moving_variance']
    """

    stem: ClassVar[str] = "norm"
    word: ClassVar[str] = "norm"

    momentum: float = field(default=0.99, metadata=about(Number(0, 1)))
    epsilon: float = field(default=1e-3, metadata=about(Number(0, 1, above=True)))
    center: bool = field(default=True, metadata=about(Flag()))
    scale: bool = field(default=True, metadata=about(Flag()))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return ``gamma``, ``beta`` and the running ``moving_mean`` and ``moving_variance``."""
        shape = (input_shape[-1],)
        trained = [name for name, on in (("gamma", self.scale), ("beta", self.center)) if on]
        running = (Weight(name, shape, False) for name in ("moving_mean", "moving_variance"))
        return (*(Weight(name, shape) for name in trained), *running)

    def other_flops(self, input_shape: Shape) -> int:
        """Return two a value: the averages, scale and shift fold into one factor and one term."""
        return 2 * prod(input_shape)
