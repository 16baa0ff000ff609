"""Residual and Repeat: layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, ClassVar, Literal

from convwise.design.arguments import Argument, Choice, Whole, about
from convwise.design.conv import Conv2D
from convwise.design.layer import Layer, Replacement, Shape, View, Weight, Window, show
from convwise.design.normalization import BatchNormalization
from convwise.errors import DesignError

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


@dataclass(frozen=True)
class Residual(Layer):
    """The sum of a chain of layers and a shortcut around it.

    Source: He et al., Deep residual learning for image recognition (2015), section 3.2 and
    section 4.1 (options A and B).

    Args:
        layers: the chain.
        shortcut: what the shortcut does where shapes differ. ``"projection"``: a 1×1 convolution
            without bias, with the chain's strides, and a BatchNormalization (option B).
            ``"identity"``: every stride-th value, and channels of zeros added evenly before and
            after (option A; the odd one after). Where shapes agree it is the input itself.

    Raises:
        DesignError: there are no layers, or too many.

    Example:
        >>> Residual((Conv2D(64, 3, 2, "same"),)).output_shape((28, 28, 32))
        (14, 14, 64)
    """

    stem: ClassVar[str] = "add"
    word: ClassVar[str] = "residual"

    layers: tuple[Layer, ...] = field(metadata=about(LayersArgument()))
    shortcut: Literal["projection", "identity"] = field(
        default="projection",
        metadata=about(Choice(("projection", "identity")), positional=True),
    )

    @property
    def branches(self) -> tuple[tuple[Layer, ...], ...]:
        """The chain; the shortcut has no layers of its own."""
        return (self.layers,)

    @cached_property
    def depth(self) -> int:
        """One more than the deepest block inside."""
        return 1 + max(layer.depth for layer in self.layers)

    @cached_property
    def count(self) -> int:
        """The chain's layers and the sum."""
        return 1 + sum(layer.count for layer in self.layers)

    def total_strides(self) -> tuple[int, int]:
        """Return the strides of the whole chain, which the shortcut takes in one step."""
        return _chain_strides(self.layers)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that leaves both the chain and the shortcut."""
        # Blocks in blocks would ask their innermost layers again for each fact of each block.
        if input_shape not in self._outputs:
            self._outputs[input_shape] = self._sum_shape(input_shape)
        return self._outputs[input_shape]

    @cached_property
    def _outputs(self) -> dict[Shape, Shape]:
        return {}

    def _sum_shape(self, input_shape: Shape) -> Shape:
        output = input_shape
        for layer in self.layers:
            output = layer.output_shape(output)
        if output == input_shape:
            return output
        if len(input_shape) != 3 or len(output) != 3:
            raise DesignError(
                f"the chain makes {show(output)} of {show(input_shape)}, which cannot be added"
            )
        window = Window((1, 1), self.total_strides())
        rows, columns = window.output(input_shape)
        if (rows, columns) != output[:2]:
            raise DesignError(
                f"the chain leaves a {show(output[:2])} map, but the shortcut with strides "
                f"{show(window.strides)} leaves {rows}×{columns} of {show(input_shape[:2])}"
            )
        if self.shortcut == "identity" and output[2] < input_shape[2]:
            raise DesignError(
                f'shortcut="identity" can add channels, but the chain takes {input_shape[2]} '
                f"down to {output[2]}"
            )
        return output

    def projection(self, input_shape: Shape) -> tuple[Conv2D, BatchNormalization] | None:
        """Return the layers of the shortcut, or None where it needs none."""
        output = self.output_shape(input_shape)
        if self.shortcut == "identity" or output == input_shape:
            return None
        convolution = Conv2D(output[2], 1, self.total_strides(), use_bias=False)
        return convolution, BatchNormalization()

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return the projection's tensors, each name with ``projection.`` before it."""
        projection = self.projection(input_shape)
        if projection is None:
            return ()
        convolution, norm = projection
        middle = convolution.output_shape(input_shape)
        return tuple(
            replace(weight, name=f"projection.{weight.name}")
            for weight in (*convolution.weights(input_shape), *norm.weights(middle))
        )

    def flops(self, input_shape: Shape) -> int:
        """Return the projection's operations; the chain's layers count their own."""
        projection = self.projection(input_shape)
        return projection[0].flops(input_shape) if projection else 0

    def other_flops(self, input_shape: Shape) -> int:
        """Return one addition a value, and the projection's normalisation."""
        values = prod(self.output_shape(input_shape))
        return values * 3 if self.projection(input_shape) else values

    def view(
        self, view: View | None, input_shape: Shape, branches: Sequence[View | None] = ()
    ) -> View | None:
        """Return the sum of both ways' views."""
        (chain,) = branches
        if view is None or chain is None:
            return None
        if self.output_shape(input_shape) != input_shape:
            view = view.through(Window((1, 1), self.total_strides()), input_shape)
        return chain.plus(view)

    def resolve(self, classes: int) -> Residual:
        """Return the block with its layers resolved."""
        return replace(self, layers=tuple(layer.resolve(classes) for layer in self.layers))

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer a chain that keeps the map's size, then the chain without its shortcut."""
        padded = tuple(_padded(layer) for layer in self.layers)
        if padded != self.layers:
            yield (replace(self, layers=padded),)
        if self.shortcut == "identity":
            yield (replace(self, shortcut="projection"),)
        yield self.layers


@dataclass(frozen=True)
class Repeat(Layer):
    """Layers one after the other, several times; each time has weights of its own.

    It has no row in a plan: its layers appear ``times`` times.

    Args:
        times: how often.
        layers: the chain.

    Raises:
        DesignError: an argument is out of range, or there are too many layers.

    Example:
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

    @cached_property
    def depth(self) -> int:
        """One more than the deepest block inside."""
        return 1 + max(layer.depth for layer in self.layers)

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
        return _chain_strides(self.layers, self.times)

    def resolve(self, classes: int) -> Repeat:
        """Return the block with its layers resolved."""
        return replace(self, layers=tuple(layer.resolve(classes) for layer in self.layers))


def _chain_strides(layers: Sequence[Layer], times: int = 1) -> tuple[int, int]:
    rows = columns = 1
    for layer in layers:
        down, along = layer.total_strides()
        rows, columns = min(rows * down, MAX_STRIDE), min(columns * along, MAX_STRIDE)
    # A stride past the largest image leaves one place, so it need not grow on.
    return min(rows**times, MAX_STRIDE), min(columns**times, MAX_STRIDE)


def _padded(layer: Layer) -> Layer:
    """Return the layer with ``"same"`` padding, where it slides a window."""
    return replace(layer, padding="same") if layer.window() else layer  # type: ignore[type-var]
