"""Integers of sliding windows along one axis: padding, output size, receptive field.

All sizes are in pixels. Padding follows Keras: where ``same`` needs an odd number of zeros, the odd
one comes after the map (below it, or at its right).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Padding = Literal["same", "valid"]


def window_span(kernel: int, dilation: int = 1) -> int:
    """Return how many pixels a window reaches over, its gaps included.

    Example:
        >>> window_span(3, dilation=2)
        5
    """
    return (kernel - 1) * dilation + 1


def same_padding(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Return the zeros that ``padding="same"`` puts before and after an axis.

    Source: the rule of TensorFlow, which Keras 3 keeps on each of its backends.

    Example:
        >>> same_padding(28, kernel=3, stride=2)
        (0, 1)
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + window_span(kernel, dilation) - size, 0)
    return total // 2, total - total // 2


def output_size(
    size: int, kernel: int, stride: int = 1, padding: Padding = "valid", dilation: int = 1
) -> int:
    """Return how many places a window takes along an axis; 0 where it does not fit.

    Source: Dumoulin and Visin, A guide to convolution arithmetic (2016), section 4.

    Example:
        >>> output_size(28, kernel=3), output_size(28, kernel=3, stride=2, padding="same")
        (26, 14)
    """
    if padding == "same":
        return -(-size // stride)
    return max((size - window_span(kernel, dilation)) // stride + 1, 0)


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels of the image that the places of a map look at, along one axis.

    Place ``i`` of the map sees ``size`` pixels from pixel ``start + i * stride`` on; those outside
    the image are zeros of the padding, and a field may be larger than the image.

    Source: Araujo, Norris and Sim, Computing receptive fields of convolutional neural networks
    (Distill 2019).

    Args:
        size: pixels from the first to the last that one place sees.
        stride: pixels between the fields of neighbouring places.
        start: first pixel that place 0 sees; negative inside the padding.

    Example:
        >>> ReceptiveField().through(kernel=3, before=1).through(kernel=2, stride=2)
        ReceptiveField(size=4, stride=2, start=-1)
    """

    size: int = 1
    stride: int = 1
    start: int = 0

    def through(
        self, kernel: int, stride: int = 1, before: int = 0, dilation: int = 1
    ) -> ReceptiveField:
        """Return the field behind a window that slides over this map, padded by ``before``."""
        return ReceptiveField(
            size=self.size + (kernel - 1) * dilation * self.stride,
            stride=self.stride * stride,
            start=self.start - before * self.stride,
        )

    @property
    def centre(self) -> float:
        """Pixel in the middle of what place 0 sees; half a pixel where the size is even."""
        return self.start + (self.size - 1) / 2

    def union(self, other: ReceptiveField) -> ReceptiveField:
        """Return the field of the sum of two maps of equal stride."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return ReceptiveField(end - start, self.stride, start)


@dataclass(frozen=True)
class Slide:
    """How a window slides along one axis, with its padding worked out.

    Args:
        kernel: values that the window takes in.
        stride: places from one window to the next.
        before: zeros before the axis.
        outputs: number of windows.
        dilation: places from one value of the window to the next.
    """

    kernel: int
    stride: int
    before: int
    outputs: int
    dilation: int = 1

    @property
    def span(self) -> int:
        """Places that a window reaches over."""
        return window_span(self.kernel, self.dilation)

    def keeps(self, end: int) -> bool:
        """Return whether the first ``end`` places leave as they came."""
        return self.kernel == self.stride == 1 and self.before == 0 and end <= self.outputs
