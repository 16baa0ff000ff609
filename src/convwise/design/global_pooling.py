"""GlobalAveragePooling2D and GlobalMaxPooling2D: one value for each channel of a map."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from convwise.design.layer import Layer, Shape, View, map_shape


@dataclass(frozen=True)
class _GlobalPooling(Layer, ABC):
    """What both kinds of global pooling share."""

    stem: ClassVar[str] = "global_pool"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (channels,)."""
        return (map_shape(input_shape, "global pooling")[2],)

    def other_flops(self, input_shape: Shape) -> int:
        """Return one for each value of the map."""
        return prod(input_shape)

    def view(
        self, view: View | None, input_shape: Shape, branches: Sequence[View | None] = ()
    ) -> None:
        """Return None: no place is left."""


@dataclass(frozen=True)
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel.

    Source: Lin, Chen and Yan, Network in network (2014), section 3.2.

    Example:
        >>> GlobalAveragePooling2D().output_shape((7, 7, 64))
        (64,)
    """

    word: ClassVar[str] = "global_avgpool"


@dataclass(frozen=True)
class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel: whether its feature is there, wherever that may be.

    Example:
        >>> GlobalMaxPooling2D().output_shape((7, 7, 64))
        (64,)
    """

    word: ClassVar[str] = "global_maxpool"
    is_linear: ClassVar[bool] = False
