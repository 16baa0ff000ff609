"""FixedFilters: filters that are picked by hand and never trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, cast

from convwise.design.activation import OPTIONAL_ACTIVATION
from convwise.design.arguments import Choice, Pair, about
from convwise.design.banks import BANKS, Filter, Values, bank_size
from convwise.design.convolution import Convolution
from convwise.design.depthwise import multiplied
from convwise.design.layer import Shape, Size, Weight, Window
from convwise.geometry import Padding


@dataclass(frozen=True)
class FixedFilters(Convolution):
    """Every filter of a bank over every channel of the input; nothing here is learnt.

    This is how images were described before filters were learnt. Channel c of the input fills
    c × (filters of the bank) onward of the output, in the bank's order.

    Source: Sobel and Feldman (1968), Prewitt (1970); Gabor filters after Daugman, Uncertainty
    relation for resolution in space … (1985).

    Args:
        bank: ``sobel``, ``prewitt``, ``laplacian``, ``gaussian``, ``sharpen``, ``gabor`` (at 4
            angles), ``classic`` for all of them, or ``random`` for as many random ones.
        strides: rows and columns from one window to the next.
        padding: ``"same"`` adds zeros (the odd one after), ``"valid"`` adds nothing.
        activation: applied to the sums; None leaves them.

    Raises:
        DesignError: an argument is out of range.

    Example:
        >>> FixedFilters("gabor", padding="same").output_shape((28, 28, 3))
        (28, 28, 12)
    """

    stem: ClassVar[str] = "fixed"
    word: ClassVar[str] = "fixed"
    takes_norm: ClassVar[bool] = False

    bank: str = field(metadata=about(Choice(tuple(BANKS)), positional=True))
    strides: Size = field(default=1, metadata=about(Pair(), positional=True))
    padding: Padding = field(
        default="valid", metadata=about(Choice(("valid", "same")), positional=True)
    )
    activation: str | None = field(
        default=None, metadata=about(OPTIONAL_ACTIVATION, positional=True)
    )

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The filters of the bank."""
        return BANKS[self.bank]

    @property
    def values(self) -> tuple[Values, ...]:
        """The filters as numbers, all of the window's size."""
        return tuple(each.centred(*self.window().kernel) for each in self.filters)

    def window(self) -> Window:
        """Return the window that holds the bank's largest filter."""
        size = bank_size(self.bank)
        return Window((size, size), cast(tuple[int, int], self.strides), self.padding)

    def outputs(self, channels: int) -> int:
        """Return channels × filters of the bank."""
        return multiplied(channels, len(self.filters))

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return ``kernel`` (channels × filters of the bank, 1, rows, columns), never trained."""
        kernel = (input_shape[2] * len(self.filters), 1, *self.window().kernel)
        return (Weight("kernel", kernel, trainable=False),)
