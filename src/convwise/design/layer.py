"""Layer: what each kind of layer knows about itself.

One file for each kind lies beside this one. A layer is frozen data with Keras's argument names,
and all that the rest of convwise asks about it is a method here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache, cached_property
from math import prod
from typing import Any, ClassVar

from convwise.design.arguments import Argument
from convwise.design.counting import PathCounts
from convwise.design.window import Shape, Size, View, Window, show
from convwise.errors import DesignError

__all__ = ["Layer", "Replacement", "Shape", "Size", "View", "Weight", "Window", "show"]

Replacement = tuple["Layer", ...]
"""Layers that may stand in the place of one layer; none removes it."""


@dataclass(frozen=True)
class Weight:
    """A tensor of a layer, named and shaped as in the model file.

    Args:
        name: ``kernel``, ``bias``, ``gamma``, ``beta``, ``moving_mean`` or ``moving_variance``.
        shape: sides of the tensor.
        trainable: training changes it by its gradient.
    """

    name: str
    shape: tuple[int, ...]
    trainable: bool = True

    @cached_property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


class Layer(ABC):
    """A kind of layer. Subclasses are frozen dataclasses with Keras's names and defaults.

    Shapes never hold the batch. Methods that take ``input_shape`` other than
    :meth:`output_shape` may be asked only where :meth:`output_shape` gives an answer.
    """

    stem: ClassVar[str]
    """Start of the layer's name in a plan: ``conv`` of ``conv3``."""
    word: ClassVar[str]
    """What the notation calls it."""
    takes_norm: ClassVar[bool] = False
    """``norm`` on its line of the notation adds a BatchNormalization behind it."""
    is_linear: ClassVar[bool] = True
    """Once trained it computes weighted sums, its own activation aside."""

    def __post_init__(self) -> None:
        for item, argument in arguments(type(self)):
            try:
                value = argument.check(getattr(self, item.name))
            except ValueError as error:
                raise self.wrong(f"{item.name} {error}") from None
            object.__setattr__(self, item.name, value)

    def wrong(self, message: str) -> DesignError:
        """Return the error for arguments that cannot be, named after the kind of layer."""
        return DesignError(message, layer=type(self).__name__)

    @abstractmethod
    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that leaves the layer.

        Raises:
            DesignError: the layer cannot take this input; the error does not name the layer.
        """

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return the tensors of the layer."""
        return ()

    def flops(self, input_shape: Shape) -> int:
        """Return operations of one image's convolutions and dense products, 2 per multiply-add.

        Biases are left out, as is common.
        """
        return 0

    def other_flops(self, input_shape: Shape) -> int:
        """Return operations of one image's pooling, normalisation, activation and addition.

        Pooling costs one for each value that it takes in, normalisation two a value (scale and
        shift), activation and addition one a value.
        """
        return 0

    def window(self) -> Window | None:
        """Return the window that the layer slides over its map, if it does."""
        return None

    def total_strides(self) -> tuple[int, int]:
        """Return places of the input from one place of the output to the next, (rows, columns)."""
        window = self.window()
        return window.strides if window else (1, 1)

    def view(
        self, view: View | None, input_shape: Shape, branches: Sequence[View | None] = ()
    ) -> View | None:
        """Return how the layer's output sees the image.

        Args:
            view: how its input sees the image; None where places no longer stand for pixels.
            input_shape: shape of that input.
            branches: how the ends of the layer's own branches see the image.
        """
        window = self.window()
        return view.through(window, input_shape) if view and window else view

    def spread(
        self, counts: PathCounts, input_shape: Shape, branches: Sequence[PathCounts] = ()
    ) -> PathCounts:
        """Return in how many windows each place of the input takes part: :meth:`view` backward.

        Args:
            counts: in how many later windows each place of the output takes part.
            input_shape: (height, width, channels).
            branches: counts at the starts of the layer's own branches.
        """
        window = self.window()
        return window.spread(counts, input_shape) if window else counts

    def values_kept(self, input_shape: Shape) -> int:
        """Return how many values of one image training keeps for the backward pass."""
        return prod(self.output_shape(input_shape))

    def values_made(self, input_shape: Shape) -> int:
        """Return how many values of one image the layer itself has made at once, at the most."""
        return prod(self.output_shape(input_shape))

    def resolve(self, classes: int) -> Layer:
        """Return the layer with ``"classes"`` replaced by their number."""
        return self

    @property
    def branches(self) -> tuple[tuple[Layer, ...], ...]:
        """Chains of layers inside this one, each fed with its input."""
        return ()

    def with_branch(self, number: int, layers: tuple[Layer, ...]) -> Replacement:
        """Return what stands here when a branch becomes these layers."""
        raise TypeError(f"{type(self).__name__} has no branches")

    @property
    def depth(self) -> int:
        """How many blocks lie inside each other here."""
        return 0

    @property
    def count(self) -> int:
        """How many layers this one becomes when blocks are written out."""
        return 1

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer what may stand here instead where this layer cannot take ``input_shape``."""
        yield ()

    def roomier(self) -> Iterator[Replacement]:
        """Offer what may stand here instead so that a larger map leaves."""
        yield from ()

    @classmethod
    def words(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the notation's words for this layer, each with the arguments it settles."""
        return {cls.word: {}}

    @property
    def spelling(self) -> str:
        """Which of its words the notation writes."""
        return self.word

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: the kind under ``layer``, and each argument."""
        return {"layer": type(self).__name__} | {
            item.name: argument.to_json(getattr(self, item.name))
            for item, argument in arguments(type(self))
        }


@cache
def arguments(kind: type[Layer]) -> tuple[tuple[Field[Any], Argument], ...]:
    """Return the fields of a kind of layer, each with its kind of argument, in order."""
    return tuple((item, item.metadata["argument"]) for item in fields(kind))  # type: ignore[arg-type]


def is_required(item: Field[Any]) -> bool:
    """Return whether a field has no default."""
    return item.default is MISSING


def map_shape(input_shape: Shape, taker: str) -> tuple[int, int, int]:
    """Return (height, width, channels), or raise the DesignError of a layer that needs a map."""
    if len(input_shape) != 3:
        raise DesignError(f"{taker} needs a map, but {show(input_shape)} flat values come in")
    height, width, channels = input_shape
    return height, width, channels
