"""Dense: every output is a weighted sum of every input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar, Literal

from convwise.design.activation import OPTIONAL_ACTIVATION
from convwise.design.arguments import Flag, Units, about
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D
from convwise.design.layer import Layer, Replacement, Shape, View, Weight, show
from convwise.errors import DesignError


@dataclass(frozen=True)
class Dense(Layer):
    """A fully connected layer on flat values.

    Keras also lets it act on the channels of a map; here that is an error, as it is nearly always a
    forgotten Flatten, and a 1×1 Conv2D says the same thing.

    Args:
        units: outputs; ``"classes"`` stands for the number of classes.
        activation: applied to the sums; None leaves them.
        use_bias: add one trained number for each output.

    Raises:
        DesignError: an argument is out of range.

    Example:
        >>> Dense("classes").resolve(10).weights((1600,))[0]
        Weight(name='kernel', shape=(10, 1600), trainable=True)
    """

    stem: ClassVar[str] = "dense"
    word: ClassVar[str] = "dense"

    units: int | Literal["classes"] = field(metadata=about(Units(), positional=True))
    activation: str | None = field(
        default=None, metadata=about(OPTIONAL_ACTIVATION, positional=True)
    )
    use_bias: bool = field(default=True, metadata=about(Flag()))

    def resolve(self, classes: int) -> Dense:
        """Return the layer with its units as a number."""
        return replace(self, units=classes) if self.units == "classes" else self

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (units,)."""
        if len(input_shape) != 1:
            raise DesignError(
                f"a dense layer needs flat values, but a {show(input_shape)} map comes in"
            )
        return (self._outputs,)

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return ``kernel`` (units, features) and ``bias``."""
        bias = (Weight("bias", (self._outputs,)),) if self.use_bias else ()
        return (Weight("kernel", (self._outputs, input_shape[0])), *bias)

    def flops(self, input_shape: Shape) -> int:
        """Return 2 for each weight."""
        return 2 * self._outputs * input_shape[0]

    def other_flops(self, input_shape: Shape) -> int:
        """Return one for each value that the activation is applied to."""
        return prod(self.output_shape(input_shape)) if self.activation else 0

    def view(
        self, view: View | None, input_shape: Shape, branches: Sequence[View | None] = ()
    ) -> None:
        """Return None: no place is left."""

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer what makes a map flat."""
        if len(input_shape) == 3:
            yield (Flatten(), self)
            yield (GlobalAveragePooling2D(), self)
        yield ()

    @property
    def _outputs(self) -> int:
        if self.units == "classes":
            raise DesignError('units="classes" is no number yet; resolve the layer first')
        return self.units
