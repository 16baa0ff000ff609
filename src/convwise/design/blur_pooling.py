"""BlurPool2D: a blur, then every stride-th value."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import comb
from typing import ClassVar

from convwise.design.arguments import Choice, Pair, Whole, about
from convwise.design.layer import Shape, Size
from convwise.design.pooling import Pooling
from convwise.geometry import Padding

MAX_BLUR = 15


@dataclass(frozen=True)
class BlurPool2D(Pooling):
    """A map made smaller without aliasing: smoothed before values are dropped.

    Each channel is averaged with the weights of a binomial row (1 2 1 for a window of 3). At the
    border the weights of the values that exist are scaled to a sum of 1, where the paper mirrors
    the map. Anti-aliased max-pooling is ``maxpool 2 1 same`` followed by ``blurpool 3 2``.

    Source: Zhang, Making convolutional networks shift-invariant again (2019), section 3.2.

    Args:
        pool_size: rows and columns of the window, up to 15.
        strides: rows and columns from one window to the next; None takes ``pool_size``.
        padding: ``"same"`` or ``"valid"``.

    Raises:
        DesignError: an argument is out of range.

    Example:
        >>> BlurPool2D(3, strides=2).output_shape((28, 28, 6))
        (14, 14, 6)
    """

    stem: ClassVar[str] = "blur"
    word: ClassVar[str] = "blurpool"

    pool_size: Size = field(default=3, metadata=about(Pair(Whole(1, MAX_BLUR)), positional=True))
    strides: Size | None = field(default=2, metadata=about(Pair(optional=True), positional=True))
    padding: Padding = field(
        default="same", metadata=about(Choice(("valid", "same")), positional=True)
    )

    def other_flops(self, input_shape: Shape) -> int:
        """Return two for each value of each window: a factor and an addition."""
        return 2 * super().other_flops(input_shape)


def binomial(size: int) -> tuple[float, ...]:
    """Return the weights of a row of Pascal's triangle, scaled to a sum of 1.

    Example:
        >>> binomial(3)
        (0.25, 0.5, 0.25)
    """
    return tuple(comb(size - 1, place) / 2 ** (size - 1) for place in range(size))
