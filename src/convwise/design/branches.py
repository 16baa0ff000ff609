"""Add and Concatenate: chains that see one input, and whose outputs meet again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from math import prod
from typing import Any, ClassVar

from convwise.design.arguments import Argument, about
from convwise.design.block import Block, chain_strides, check_layers, padded
from convwise.design.counting import PathCounts
from convwise.design.layer import Layer, Replacement, Shape, View, show
from convwise.errors import DesignError

MAX_CHAINS = 64

Chains = tuple[tuple[Layer, ...], ...]


class ChainsArgument(Argument):
    """The chains that a block holds; an empty one hands the input on."""

    def check(self, value: object) -> Chains:
        """Return the chains as a tuple of tuples."""
        if not isinstance(value, (tuple, list)):
            raise ValueError(f"are a {type(value).__name__}; use a tuple of chains of layers")
        if not 2 <= len(value) <= MAX_CHAINS:
            raise ValueError(f"are {len(value)}; use 2 to {MAX_CHAINS}")
        return tuple(
            check_layers(chain, blocks_around=2) if chain != () and chain != [] else ()
            for chain in value
        )

    def read(self, word: str) -> Any:
        """Refuse: chains are no word."""
        raise ValueError("are no word; put a branch line for each below, indented")

    def write(self, value: Any) -> str:
        """Refuse: chains are no word."""
        raise ValueError("are no word")

    def to_json(self, value: Chains) -> Any:
        """Return a list of lists of objects."""
        return [[layer.to_dict() for layer in chain] for chain in value]


@dataclass(frozen=True)
class _Meeting(Block):
    """Chains that see one input, and whose outputs meet again."""

    chains: Chains = field(metadata=about(ChainsArgument()))

    @property
    def own_depth(self) -> int:
        """Two levels of the notation: the block's, and that of its branches."""
        return 2

    @property
    def branches(self) -> Chains:
        """The chains."""
        return self.chains

    def with_branch(self, number: int, layers: tuple[Layer, ...]) -> Replacement:
        """Return the block with one chain replaced."""
        chains = (*self.chains[:number], layers, *self.chains[number + 1 :])
        return (replace(self, chains=chains),)

    def total_strides(self) -> tuple[int, int]:
        """Return the strides of the first chain, which the others have to share."""
        return chain_strides(self.chains[0])

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape in which all chains meet."""
        return self.meet([_end(chain, input_shape) for chain in self.chains])

    @abstractmethod
    def meet(self, shapes: Sequence[Shape]) -> Shape:
        """Return the shape that the chains' output shapes make.

        Raises:
            DesignError: they do not meet; says which branch leaves what.
        """

    def view(
        self, view: View | None, input_shape: Shape, branches: Sequence[View | None] = ()
    ) -> View | None:
        """Return what all chains together see; None where their strides differ."""
        seen = [branch for branch in branches if branch is not None]
        strides = {(branch.rows.stride, branch.columns.stride) for branch in seen}
        if len(seen) < len(branches) or len(strides) > 1:
            return None
        return reduce(View.plus, seen)

    def spread(
        self, counts: PathCounts, input_shape: Shape, branches: Sequence[PathCounts] = ()
    ) -> PathCounts:
        """Return the sum of all chains' counts."""
        return reduce(PathCounts.plus, branches)

    def resolve(self, classes: int) -> Layer:
        """Return the block with its layers resolved."""
        chains = tuple(tuple(layer.resolve(classes) for layer in chain) for chain in self.chains)
        return replace(self, chains=chains)

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer chains that keep the map's size, then each chain alone."""
        kept = tuple(tuple(padded(layer) for layer in chain) for chain in self.chains)
        if kept != self.chains:
            yield (replace(self, chains=kept),)
        for chain in self.chains:
            if chain:
                yield chain
        yield ()


def _end(chain: Sequence[Layer], shape: Shape) -> Shape:
    for layer in chain:
        shape = layer.output_shape(shape)
    return shape


def _different(shapes: Sequence[Shape], what: str) -> DesignError:
    other = next(place for place, shape in enumerate(shapes) if not _alike(shape, shapes[0], what))
    return DesignError(
        f"its branches do not meet: branch 1 leaves {show(shapes[0])}, "
        f"branch {other + 1} leaves {show(shapes[other])}, and {what} must agree"
    )


def _alike(one: Shape, other: Shape, what: str) -> bool:
    return one == other if what == "all sides" else one[:-1] == other[:-1]


@dataclass(frozen=True)
class Add(_Meeting):
    """The sum of chains that all see the block's input. An empty chain is the input itself.

    :class:`~convwise.design.residual.Residual` is the common case with one chain and a shortcut.

    Args:
        chains: 2 to 64 tuples of layers.

    Raises:
        DesignError: there are too few or too many chains, or layers.

    Example:
        >>> from convwise.design.conv import Conv2D
        >>> Add(((Conv2D(8, 1),), (Conv2D(8, 3, padding="same"),))).output_shape((28, 28, 1))
        (28, 28, 8)
    """

    stem: ClassVar[str] = "add"
    word: ClassVar[str] = "add"

    def meet(self, shapes: Sequence[Shape]) -> Shape:
        """Return the one shape that all chains leave."""
        if len(set(shapes)) > 1:
            raise _different(shapes, "all sides")
        return shapes[0]

    def other_flops(self, input_shape: Shape) -> int:
        """Return one addition a value for each chain after the first."""
        return prod(self.output_shape(input_shape)) * (len(self.chains) - 1)


@dataclass(frozen=True)
class Concatenate(_Meeting):
    """The channels of chains that all see the block's input, one chain's after the other's.

    An empty chain is the input itself.

    Source: Szegedy et al., Going deeper with convolutions (2015), section 4; with the input as one
    of the chains, Huang et al., Densely connected convolutional networks (2017), section 3.

    Args:
        chains: 2 to 64 tuples of layers.

    Raises:
        DesignError: there are too few or too many chains, or layers.

    Example:
        >>> from convwise.design.conv import Conv2D
        >>> Concatenate(((), (Conv2D(8, 3, padding="same"),))).output_shape((28, 28, 4))
        (28, 28, 12)
    """

    stem: ClassVar[str] = "concat"
    word: ClassVar[str] = "concat"

    def meet(self, shapes: Sequence[Shape]) -> Shape:
        """Return the common rows and columns with all channels, or all flat values together."""
        if len({shape[:-1] for shape in shapes}) > 1:
            raise _different(shapes, "rows and columns")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))
