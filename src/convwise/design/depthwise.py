"""DepthwiseConv2D: each channel is filtered on its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from convwise.design.activation import OPTIONAL_ACTIVATION
from convwise.design.arguments import MAX_FILTERS, Choice, Flag, Pair, Whole, about
from convwise.design.convolution import Convolution
from convwise.design.layer import Shape, Size, Weight
from convwise.errors import DesignError
from convwise.geometry import Padding


@dataclass(frozen=True)
class DepthwiseConv2D(Convolution):
    """Convolution of each channel by filters of its own; channels are not mixed.

    Source: Sifre, Rigid-motion scattering for image classification (2014), section 6.2. Meaning
    and defaults are Keras 3's.

    Args:
        kernel_size: rows and columns of the window.
        strides: rows and columns from one window to the next.
        padding: ``"same"`` adds zeros (the odd one after), ``"valid"`` adds nothing.
        depth_multiplier: filters for each channel; channel c's fill c × depth_multiplier onward.
        activation: applied to the sums; None leaves them.
        use_bias: add one trained number for each filter.
        dilation_rate: places from one value of the window to the next.

    Raises:
        DesignError: an argument is out of range.

    Example:
        >>> DepthwiseConv2D(3, padding="same").output_shape((28, 28, 16))
        (28, 28, 16)
    """

    stem: ClassVar[str] = "depthwise"
    word: ClassVar[str] = "depthwise"

    kernel_size: Size = field(metadata=about(Pair(), positional=True))
    strides: Size = field(default=1, metadata=about(Pair(), positional=True))
    padding: Padding = field(
        default="valid", metadata=about(Choice(("valid", "same")), positional=True)
    )
    depth_multiplier: int = field(default=1, metadata=about(Whole(1, MAX_FILTERS)))
    activation: str | None = field(
        default=None, metadata=about(OPTIONAL_ACTIVATION, positional=True)
    )
    use_bias: bool = field(default=True, metadata=about(Flag()))
    dilation_rate: Size = field(default=1, metadata=about(Pair()))

    def outputs(self, channels: int) -> int:
        """Return channels times the multiplier."""
        return multiplied(channels, self.depth_multiplier)

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return ``kernel`` (channels × multiplier, 1, rows, columns) and ``bias``."""
        filters = input_shape[2] * self.depth_multiplier
        bias = (Weight("bias", (filters,)),) if self.use_bias else ()
        return (Weight("kernel", (filters, 1, *self.window().kernel)), *bias)


def multiplied(channels: int, depth_multiplier: int) -> int:
    """Return channels × depth_multiplier.

    Raises:
        DesignError: they are more than a layer may have.
    """
    filters = channels * depth_multiplier
    if filters > MAX_FILTERS:
        raise DesignError(
            f"depth_multiplier={depth_multiplier:,} makes {filters:,} of {channels:,} channels, "
            f"more than {MAX_FILTERS:,}"
        )
    return filters
