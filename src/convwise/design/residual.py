"""Residual: the sum of a chain and a shortcut around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import ClassVar, Literal

from convwise.design.arguments import Choice, about
from convwise.design.block import Block, LayersArgument, chain_strides, padded
from convwise.design.conv import Conv2D
from convwise.design.counting import PathCounts
from convwise.design.layer import Layer, Replacement, Shape, View, Weight, Window, show
from convwise.design.normalization import BatchNormalization
from convwise.errors import DesignError


@dataclass(frozen=True)
class Residual(Block):
    """The sum of a chain of layers and a shortcut around it.

    Source: He et al., Deep residual learning for image recognition (2015), section 3.2 and
    section 4.1 (options A and B).

    Args:
        layers: the chain.
        shortcut: what the shortcut does where shapes differ. ``"projection"``: a 1×1 convolution
            without bias, with the chain's strides, and a BatchNormalization with the momentum and
            epsilon of the chain's last one (option B).
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

    def with_branch(self, number: int, layers: tuple[Layer, ...]) -> Replacement:
        """Return the block with another chain; without one, nothing."""
        return (replace(self, layers=layers),) if layers else ()

    def total_strides(self) -> tuple[int, int]:
        """Return the strides of the whole chain, which the shortcut takes in one step."""
        return chain_strides(self.layers)

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
        norms = [layer for layer in self.layers if isinstance(layer, BatchNormalization)]
        norm = replace(norms[-1], center=True, scale=True) if norms else BatchNormalization()
        return convolution, norm

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

    def spread(
        self, counts: PathCounts, input_shape: Shape, branches: Sequence[PathCounts] = ()
    ) -> PathCounts:
        """Return the sum of both ways' counts."""
        (chain,) = branches
        if self.output_shape(input_shape) != input_shape:
            counts = Window((1, 1), self.total_strides()).spread(counts, input_shape)
        return chain.plus(counts)

    def values_kept(self, input_shape: Shape) -> int:
        """Return the sum, and what the projection's convolution and normalisation leave."""
        values = prod(self.output_shape(input_shape))
        return values * 3 if self.projection(input_shape) else values

    def values_made(self, input_shape: Shape) -> int:
        """Return the sum, and the shortcut's end where it is a map of its own."""
        output = self.output_shape(input_shape)
        return prod(output) if output == input_shape else 2 * prod(output)

    def resolve(self, classes: int) -> Residual:
        """Return the block with its layers resolved."""
        return replace(self, layers=tuple(layer.resolve(classes) for layer in self.layers))

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer a chain that keeps the map's size, then the chain without its shortcut."""
        kept = tuple(padded(layer) for layer in self.layers)
        if kept != self.layers:
            yield (replace(self, layers=kept),)
        if self.shortcut == "identity":
            yield (replace(self, shortcut="projection"),)
        yield self.layers
