"""SeparableConv2D: filter each channel on its own, then mix the channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

from convwise.design.activation import OPTIONAL_ACTIVATION
from convwise.design.arguments import MAX_FILTERS, Choice, Flag, Pair, Whole, about
from convwise.design.convolution import Convolution
from convwise.design.depthwise import multiplied
from convwise.design.layer import Shape, Size, Weight
from convwise.geometry import Padding


@dataclass(frozen=True)
class SeparableConv2D(Convolution):
    """A depthwise convolution, then a 1×1 convolution, with nothing between them.

    Source: Chollet, Xception: deep learning with depthwise separable convolutions (2017), section
    2. Meaning and defaults are Keras 3's.

    Args:
        filters: channels of the output.
        kernel_size: rows and columns of the window.
        strides: rows and columns from one window to the next.
        padding: ``"same"`` adds zeros (the odd one after), ``"valid"`` adds nothing.
        dilation_rate: places from one value of the window to the next.
        depth_multiplier: filters for each channel in the first step.
        activation: applied to the sums; None leaves them.
        use_bias: add one trained number for each filter.

    Raises:
        DesignError: an argument is out of range.

    Example:
        >>> SeparableConv2D(32, 3).output_shape((28, 28, 16))
        (26, 26, 32)
    """

    word: ClassVar[str] = "separable"

    filters: int = field(metadata=about(Whole(1, MAX_FILTERS), positional=True))
    kernel_size: Size = field(metadata=about(Pair(), positional=True))
    strides: Size = field(default=1, metadata=about(Pair(), positional=True))
    padding: Padding = field(
        default="valid", metadata=about(Choice(("valid", "same")), positional=True)
    )
    dilation_rate: Size = field(default=1, metadata=about(Pair()))
    depth_multiplier: int = field(default=1, metadata=about(Whole(1, MAX_FILTERS)))
    activation: str | None = field(
        default=None, metadata=about(OPTIONAL_ACTIVATION, positional=True)
    )
    use_bias: bool = field(default=True, metadata=about(Flag()))

    def outputs(self, channels: int) -> int:
        """Return the filters."""
        multiplied(channels, self.depth_multiplier)
        return self.filters

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return ``depthwise_kernel``, ``pointwise_kernel`` and ``bias``."""
        between = input_shape[2] * self.depth_multiplier
        bias = (Weight("bias", (self.filters,)),) if self.use_bias else ()
        return (
            Weight("depthwise_kernel", (between, 1, *self.window().kernel)),
            Weight("pointwise_kernel", (self.filters, between, 1, 1)),
            *bias,
        )

    def values_kept(self, input_shape: Shape) -> int:
        """Return the output, and the filtered channels that the 1×1 convolution takes."""
        return prod(self.output_shape(input_shape)) + self._between(input_shape)

    def values_made(self, input_shape: Shape) -> int:
        """Return the output, and the filtered channels that the 1×1 convolution takes."""
        return self.values_kept(input_shape)

    def _between(self, input_shape: Shape) -> int:
        rows, columns = self.window().output(input_shape)
        return rows * columns * input_shape[2] * self.depth_multiplier
