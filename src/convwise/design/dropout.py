"""Dropout: values set to zero by chance while training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from convwise.design.arguments import Number, about
from convwise.design.layer import Layer, Shape


@dataclass(frozen=True)
class Dropout(Layer):
    """Zeros by chance in training, the rest scaled by 1 / (1 - rate); nothing afterwards.

    Source: Srivastava et al. (2014), section 10, in the inverted form of Keras 3.

    Args:
        rate: share of the values that become zero, 0 to less than 1.

    Raises:
        DesignError: the rate is out of range.

    Example:
        >>> Dropout(0.5).output_shape((1600,))
        (1600,)
    """

    stem: ClassVar[str] = "dropout"
    word: ClassVar[str] = "dropout"

    rate: float = field(metadata=about(Number(0, 1, below=True), positional=True))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape
