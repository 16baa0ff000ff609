"""MaxPooling2D and AveragePooling2D: one value for each region of a map."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar, cast

from convwise.design.arguments import Choice, Pair, about
from convwise.design.layer import Layer, Replacement, Shape, Size, Window, map_shape
from convwise.geometry import Padding


@dataclass(frozen=True)
class Pooling(Layer, ABC):
    """What all kinds of pooling share."""

    stem: ClassVar[str] = "pool"

    pool_size: Size = field(default=2, metadata=about(Pair(), positional=True))
    strides: Size | None = field(default=None, metadata=about(Pair(optional=True), positional=True))
    padding: Padding = field(
        default="valid", metadata=about(Choice(("valid", "same")), positional=True)
    )

    def window(self) -> Window:
        """Return the region that becomes one value; it is its own stride unless told."""
        size = cast(tuple[int, int], self.pool_size)
        return Window(size, cast(tuple[int, int], self.strides or size), self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (rows, columns, channels)."""
        channels = map_shape(input_shape, "pooling")[2]
        return (*self.window().output(input_shape), channels)

    def other_flops(self, input_shape: Shape) -> int:
        """Return one for each value of each region."""
        return prod(self.output_shape(input_shape)) * prod(self.window().kernel)

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer going without, then padding."""
        yield ()
        if len(input_shape) == 3 and self.padding == "valid":
            yield (replace(self, padding="same"),)

    def roomier(self) -> Iterator[Replacement]:
        """Offer going without."""
        yield ()


@dataclass(frozen=True)
class MaxPooling2D(Pooling):
    """The largest value of each region: keeps what is sharp.

    Source: Keras 3's meaning and defaults. Zeros of ``"same"`` never win over a value of the map.

    Args:
        pool_size: rows and columns of a region.
        strides: from one region to the next; None takes ``pool_size``.
        padding: ``"same"`` or ``"valid"``; ``"valid"`` drops what fills no region.

    Example:
        >>> MaxPooling2D(2).output_shape((13, 13, 64))
        (6, 6, 64)
    """

    word: ClassVar[str] = "maxpool"
    is_linear: ClassVar[bool] = False


@dataclass(frozen=True)
class AveragePooling2D(Pooling):
    """The mean of each region: keeps what is smooth.

    Source: Keras 3's meaning and defaults. With ``"same"``, the mean is taken over the values of
    the map alone; padding does not count.

    Args:
        pool_size: rows and columns of a region.
        strides: from one region to the next; None takes ``pool_size``.
        padding: ``"same"`` or ``"valid"``; ``"valid"`` drops what fills no region.

    Example:
        >>> AveragePooling2D(3, strides=2, padding="same").output_shape((28, 28, 6))
        (14, 14, 6)
    """

    word: ClassVar[str] = "avgpool"
