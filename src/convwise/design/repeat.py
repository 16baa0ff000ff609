"""Repeat: layers one after the other, several times."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from convwise.design.arguments import Whole, about
from convwise.design.block import MAX_LAYERS, Block, LayersArgument, chain_strides, check_layers
from convwise.design.layer import Layer, Replacement, Shape


@dataclass(frozen=True)
class Repeat(Block):
    """Layers one after the other, several times; each time has weights of its own.

    It has no row in a plan: its layers appear ``times`` times.

    Args:
        times: how often.
        layers: the chain.

    Raises:
        DesignError: an argument is out of range, or there are too many layers.

    Example:
        >>> from convwise.design.conv import Conv2D
        >>> Repeat(2, (Conv2D(8, 3),)).output_shape((28, 28, 1))
        (24, 24, 8)
    """

    stem: ClassVar[str] = "repeat"
    word: ClassVar[str] = "repeat"

    times: int = field(metadata=about(Whole(1, MAX_LAYERS), positional=True))
    layers: tuple[Layer, ...] = field(metadata=about(LayersArgument()))

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            check_layers((self,))
        except ValueError as error:
            raise self.wrong(f"layers {error}") from None

    @property
    def branches(self) -> tuple[tuple[Layer, ...], ...]:
        """The chain, once."""
        return (self.layers,)

    def with_branch(self, number: int, layers: tuple[Layer, ...]) -> Replacement:
        """Return the block with another chain; without one, nothing."""
        return (replace(self, layers=layers),) if layers else ()

    @cached_property
    def count(self) -> int:
        """The chain's layers, ``times`` times."""
        return self.times * sum(layer.count for layer in self.layers)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that leaves the last time."""
        for _ in range(self.times):
            for layer in self.layers:
                input_shape = layer.output_shape(input_shape)
        return input_shape

    def total_strides(self) -> tuple[int, int]:
        """Return the strides of all times together."""
        return chain_strides(self.layers, self.times)

    def resolve(self, classes: int) -> Repeat:
        """Return the block with its layers resolved."""
        return replace(self, layers=tuple(layer.resolve(classes) for layer in self.layers))
