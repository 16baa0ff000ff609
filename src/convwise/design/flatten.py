"""Flatten: a map as one long row of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from convwise.design.layer import Layer, Shape, View


@dataclass(frozen=True)
class Flatten(Layer):
    """All values of a map in the order row, column, channel, as in Keras.

    Example:
        >>> Flatten().output_shape((5, 5, 64))
        (1600,)
    """

    stem: ClassVar[str] = "flatten"
    word: ClassVar[str] = "flatten"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (features,)."""
        return (prod(input_shape),)

    def view(
        self, view: View | None, input_shape: Shape, branches: Sequence[View | None] = ()
    ) -> None:
        """Return None: values no longer stand for places."""
