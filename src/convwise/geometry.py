"""Integers of sliding windows: padding, output size, receptive field, border coverage.

All sizes are in pixels and all functions treat one axis, but for :class:`Coverage`, which counts on
the whole map. Padding follows Keras: where ``same`` needs an odd number of zeros, the odd one comes
after the map (below it, or at its right).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Padding = Literal["same", "valid"]

# Values that one coverage count may touch in all; some tenths of a second of work.
COVERAGE_BUDGET = 40_000_000
# Counts are halved together once they pass this power of two, long before a float overflows.
_LARGE_EXPONENT = 400


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


@dataclass(frozen=True)
class Patch:
    """A map that is zero outside a rectangle: the counts from one pixel of the image.

    Args:
        values: float64 counts (rows, columns) inside the rectangle.
        top: row of the map on which the rectangle starts.
        left: column of the map on which it starts.
    """

    values: NDArray[np.float64]
    top: int
    left: int

    def slide(self, rows: Slide, columns: Slide) -> Patch:
        """Return the sum over each window."""
        values, top = _slide(self.values, self.top, rows)
        turned, left = _slide(values.T, self.left, columns)
        return Patch(turned.T, top, left)

    def plus(self, other: Patch) -> Patch:
        """Return the sum of two maps of one size."""
        import numpy as np

        top, left = min(self.top, other.top), min(self.left, other.left)
        bottom = max(patch.top + patch.values.shape[0] for patch in (self, other))
        right = max(patch.left + patch.values.shape[1] for patch in (self, other))
        values = np.zeros((bottom - top, right - left))
        for patch in (self, other):
            height, width = patch.values.shape
            row, column = patch.top - top, patch.left - left
            values[row : row + height, column : column + width] += patch.values
        return Patch(values, top, left)


@dataclass(frozen=True)
class Coverage:
    """In how many windows a corner pixel and the centre pixel of the image take part.

    A window here is a path from the pixel through one window of each layer. Both counts are kept
    as maps, one number for each place of the present map, divided by ``2**exponent``, so that deep
    stacks do not overflow.

    Args:
        corner: counts from the pixel in the top left corner.
        centre: counts from the pixel at (height // 2, width // 2).
        exponent: power of two that both are divided by.
        budget: values that may still be touched before counting stops.

    Example:
        >>> once = Slide(kernel=3, stride=1, before=0, outputs=26)
        >>> round(Coverage.of_image(28, 28).through(once, once).ratio, 3)
        0.111
    """

    corner: Patch
    centre: Patch
    exponent: int = 0
    budget: int = COVERAGE_BUDGET

    @classmethod
    def of_image(cls, height: int, width: int) -> Coverage:
        """Start at the image, where each pixel takes part in itself once."""
        import numpy as np

        one = np.ones((1, 1))
        return cls(Patch(one, 0, 0), Patch(one, height // 2, width // 2))

    def through(self, rows: Slide, columns: Slide) -> Coverage | None:
        """Return the counts behind a sliding window, or None once the budget is spent."""
        reach = sum(
            _reach(patch.values.shape[0], rows) * _reach(patch.values.shape[1], columns)
            for patch in (self.corner, self.centre)
        )
        if reach > self.budget:
            return None
        moved = replace(
            self,
            corner=self.corner.slide(rows, columns),
            centre=self.centre.slide(rows, columns),
            budget=self.budget - reach,
        )
        return moved._scaled()

    def shifted(self, top: int, left: int) -> Coverage:
        """Return the counts on a map with rows of zeros put above and columns at the left."""
        corner, centre = (
            replace(patch, top=patch.top + top, left=patch.left + left)
            for patch in (self.corner, self.centre)
        )
        return replace(self, corner=corner, centre=centre)

    def plus(self, other: Coverage) -> Coverage:
        """Return the counts of the sum of two branches."""
        exponent = max(self.exponent, other.exponent)
        mine, yours = self._at(exponent), other._at(exponent)
        return Coverage(
            mine.corner.plus(yours.corner),
            mine.centre.plus(yours.centre),
            exponent,
            min(self.budget, other.budget),
        )._scaled()

    @property
    def ratio(self) -> float | None:
        """Corner count ÷ centre count; None where the centre pixel takes part in nothing."""
        centre = float(self.centre.values.sum())
        return float(self.corner.values.sum()) / centre if centre > 0 else None

    def _at(self, exponent: int) -> Coverage:
        import numpy as np

        corner, centre = (
            replace(patch, values=np.ldexp(patch.values, self.exponent - exponent))
            for patch in (self.corner, self.centre)
        )
        return replace(self, corner=corner, centre=centre, exponent=exponent)

    def _scaled(self) -> Coverage:
        import numpy as np

        largest = max(float(patch.values.max(initial=0.0)) for patch in (self.corner, self.centre))
        exponent = int(np.frexp(largest)[1])
        return self if exponent <= _LARGE_EXPONENT else self._at(self.exponent + exponent)


def _reach(length: int, slide: Slide) -> int:
    """Return at least as many places as :func:`_slide` reads or writes."""
    written = (length - 1 + window_span(slide.kernel, slide.dilation)) // slide.stride + 1
    return length + min(slide.outputs, written)


def _slide(
    values: NDArray[np.float64], start: int, slide: Slide
) -> tuple[NDArray[np.float64], int]:
    """Sum each window along the first axis; return the sums and the place of the first."""
    import numpy as np

    length, others = values.shape
    stride, dilation = slide.stride, slide.dilation
    span = window_span(slide.kernel, dilation)
    first = max(0, -(-(start + slide.before - span + 1) // stride))
    last = min(slide.outputs - 1, (start + length - 1 + slide.before) // stride)
    if values.size == 0 or last < first:
        return np.zeros((0, others)), first

    # Sums from the start, over every dilation-th value, make a window cost the same whatever its
    # size: the sum up to its last value less the sum before its first.
    padded = np.zeros((-(-length // dilation) * dilation, others))
    padded[:length] = values
    sums = padded.reshape(-1, dilation, others).cumsum(axis=0).reshape(-1, others)
    begin = np.arange(first, last + 1) * stride - slide.before - start
    final = len(sums) - dilation + begin % dilation

    def sum_up_to(place: NDArray[np.int64]) -> NDArray[np.float64]:
        place = np.minimum(place, final)
        return np.where((place >= 0)[:, None], sums[np.maximum(place, 0)], 0.0)

    return sum_up_to(begin + span - 1) - sum_up_to(begin - dilation), first
