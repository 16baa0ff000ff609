"""Block: what layers that are made of layers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from convwise.design.arguments import Argument
from convwise.design.layer import Layer

MAX_LAYERS = 10_000
MAX_DEPTH = 32
MAX_STRIDE = 16_384


def check_layers(value: object, *, blocks_around: int = 0) -> tuple[Layer, ...]:
    """Return layers as a tuple.

    Args:
        value: what should be layers.
        blocks_around: blocks that they are known to lie in.

    Raises:
        ValueError: there are none, too many, nested too deep, or something is no layer.
    """
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"are a {type(value).__name__}; use a tuple of layers")
    if not value:
        raise ValueError("are none; give at least one")
    for layer in value:
        if not isinstance(layer, Layer):
            raise ValueError(f"hold a {type(layer).__name__}, which is no layer")
    # Depth first: it bounds how deep the counting goes.
    if max(layer.depth for layer in value) + blocks_around > MAX_DEPTH:
        raise ValueError(f"lie more than {MAX_DEPTH} blocks deep; use fewer blocks in blocks")
    count = sum(layer.count for layer in value)
    if count > MAX_LAYERS:
        amount = f"{count:,}" if count < 10**18 else "more than 10^18"
        raise ValueError(f"are {amount} when written out; use at most {MAX_LAYERS:,}")
    return tuple(value)


class LayersArgument(Argument):
    """The layers that a block holds; text and JSON nest them themselves."""

    def check(self, value: object) -> tuple[Layer, ...]:
        """Return the layers as a tuple."""
        return check_layers(value, blocks_around=1)

    def read(self, word: str) -> Any:
        """Refuse: layers are no word."""
        raise ValueError("is no word; put the layers below, indented")

    def write(self, value: Any) -> str:
        """Refuse: layers are no word."""
        raise ValueError("are no word")

    def to_json(self, value: tuple[Layer, ...]) -> Any:
        """Return a list of objects."""
        return [layer.to_dict() for layer in value]


class Block(Layer):
    """A layer that holds chains of layers, each fed with the block's input."""

    @property
    def own_depth(self) -> int:
        """Levels of the notation that the block itself opens."""
        return 1

    @cached_property
    def depth(self) -> int:
        """The block's own levels and those of the deepest block inside."""
        inside = (layer.depth for chain in self.branches for layer in chain)
        return self.own_depth + max(inside, default=0)

    @cached_property
    def count(self) -> int:
        """The layers of the chains, and the block's own row."""
        return 1 + sum(layer.count for chain in self.branches for layer in chain)


def chain_strides(layers: Sequence[Layer], times: int = 1) -> tuple[int, int]:
    """Return the strides of layers one after the other, the whole chain several times."""
    rows = columns = 1
    for layer in layers:
        down, along = layer.total_strides()
        rows, columns = min(rows * down, MAX_STRIDE), min(columns * along, MAX_STRIDE)
    # A stride past the largest image leaves one place, so it need not grow on.
    return min(rows**times, MAX_STRIDE), min(columns**times, MAX_STRIDE)


def padded(layer: Layer) -> Layer:
    """Return the layer with ``"same"`` padding, where it slides a window."""
    return replace(layer, padding="same") if layer.window() else layer  # type: ignore[type-var]
