"""Conv2D: one filter a channel of the output, each slid over all channels of the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import gcd
from typing import ClassVar

from convwise.design.activation import OPTIONAL_ACTIVATION
from convwise.design.arguments import MAX_FILTERS, Choice, Flag, Pair, Whole, about
from convwise.design.convolution import Convolution
from convwise.design.layer import Replacement, Shape, Size, Weight
from convwise.errors import DesignError
from convwise.geometry import Padding


@dataclass(frozen=True)
class Conv2D(Convolution):
    """Convolution of a map (in truth a cross-correlation, as in every deep learning library).

    Source: LeCun et al., Gradient-based learning applied to document recognition (1998), section
    II; groups after Krizhevsky et al. (2012), section 3.5. Meaning and defaults are Keras 3's.

    Args:
        filters: channels of the output.
        kernel_size: rows and columns of the window.
        strides: rows and columns from one window to the next.
        padding: ``"same"`` adds zeros (the odd one after), ``"valid"`` adds nothing.
        activation: applied to the sums; None leaves them.
        use_bias: add one trained number for each filter.
        dilation_rate: places from one value of the window to the next.
        groups: parts that the channels are split into; each filter sees one part.

    Raises:
        DesignError: an argument is out of range, or groups do not divide the filters.

    Example:
        >>> Conv2D(32, 3, padding="same").output_shape((28, 28, 1))
        (28, 28, 32)
    """

    word: ClassVar[str] = "conv"

    filters: int = field(metadata=about(Whole(1, MAX_FILTERS), positional=True))
    kernel_size: Size = field(metadata=about(Pair(), positional=True))
    strides: Size = field(default=1, metadata=about(Pair(), positional=True))
    padding: Padding = field(
        default="valid", metadata=about(Choice(("valid", "same")), positional=True)
    )
    activation: str | None = field(
        default=None, metadata=about(OPTIONAL_ACTIVATION, positional=True)
    )
    use_bias: bool = field(default=True, metadata=about(Flag()))
    dilation_rate: Size = field(default=1, metadata=about(Pair()))
    groups: int = field(default=1, metadata=about(Whole(1, MAX_FILTERS)))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.filters % self.groups:
            raise self.wrong(
                f"groups is {self.groups}, which does not divide filters = {self.filters}"
            )

    def outputs(self, channels: int) -> int:
        """Return the filters."""
        if channels % self.groups:
            raise DesignError(
                f"groups={self.groups} does not divide the input's channels: "
                f"{channels} / {self.groups} leaves {channels % self.groups} over"
            )
        return self.filters

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return ``kernel`` (filters, channels // groups, rows, columns) and ``bias``."""
        kernel = (self.filters, input_shape[2] // self.groups, *self.window().kernel)
        bias = (Weight("bias", (self.filters,)),) if self.use_bias else ()
        return (Weight("kernel", kernel), *bias)

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer padding, then groups that fit, then going without."""
        if len(input_shape) == 3:
            yield from self.roomier()
            common = gcd(self.groups, input_shape[2])
            if common != self.groups:
                yield (replace(self, groups=common),)
                yield (replace(self, groups=1),)
        yield ()
