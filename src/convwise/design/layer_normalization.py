"""LayerNormalization: the channels of each place brought to mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

from convwise.design.arguments import Flag, Number, about
from convwise.design.layer import Layer, Shape, Weight


@dataclass(frozen=True, kw_only=True)
class LayerNormalization(Layer):
    """Normalisation over the channels of one place, the same in training and in prediction.

    Source: Ba, Kiros and Hinton, Layer normalization (2016); over channels alone, as Keras 3 does
    by default.

    Args:
        epsilon: added to the variance.
        center: learn a shift (beta) for each channel.
        scale: learn a factor (gamma) for each channel.

    Raises:
        DesignError: an argument is out of range.

    Example:
        >>> [weight.name for weight in LayerNormalization().weights((7, 7, 64))]
        ['gamma', 'beta']
    """

    stem: ClassVar[str] = "layernorm"
    word: ClassVar[str] = "layernorm"
    is_linear: ClassVar[bool] = False

    epsilon: float = field(default=1e-3, metadata=about(Number(0, 1, above=True)))
    center: bool = field(default=True, metadata=about(Flag()))
    scale: bool = field(default=True, metadata=about(Flag()))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return ``gamma`` and ``beta``."""
        trained = (name for name, on in (("gamma", self.scale), ("beta", self.center)) if on)
        return tuple(Weight(name, (input_shape[-1],)) for name in trained)

    def other_flops(self, input_shape: Shape) -> int:
        """Return six a value: two for the mean and variance each, a factor and a term."""
        return 6 * prod(input_shape)
