"""Counting windows: in how many a pixel takes part, forward from two pixels or backward from a map.

A window here is a path through one window of each layer. Counts grow with the power of the depth,
so they are kept as floats beside a power of two that they are divided by.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from convwise.geometry import Slide

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Values that one coverage count may touch in all; some tenths of a second of work.
COVERAGE_BUDGET = 40_000_000
# Counts are halved together once they may pass this power of two, long before a float overflows.
_LARGE_BITS = 400


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

    @classmethod
    def of_pixel(cls, row: int, column: int) -> Patch:
        """Return the map that is 1 at one pixel."""
        import numpy as np

        return cls(np.ones((1, 1)), row, column)

    def reach(self, rows: Slide, columns: Slide) -> int:
        """Return at least as many places as :meth:`slide` reads or writes."""
        height, width = self.values.shape
        return _reach(height, rows) * _reach(width, columns)

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

    def halved(self, times: int) -> Patch:
        """Return the counts divided by ``2**times``."""
        import numpy as np

        return Patch(np.ldexp(self.values, -times), self.top, self.left) if times else self


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
        bits: all values of both are below ``2**bits``.
        budget: values that may still be touched before counting stops.

    Example:
        >>> once = Slide(kernel=3, stride=1, before=0, outputs=26)
        >>> round(Coverage.of_image(28, 28).through(once, once).ratio, 3)
        0.111
    """

    corner: Patch
    centre: Patch
    exponent: int = 0
    bits: int = 1
    budget: int = COVERAGE_BUDGET

    @classmethod
    def of_image(cls, height: int, width: int) -> Coverage:
        """Start at the image, where each pixel takes part in itself once."""
        return cls(Patch.of_pixel(0, 0), Patch.of_pixel(height // 2, width // 2))

    def through(self, rows: Slide, columns: Slide) -> Coverage | None:
        """Return the counts behind a sliding window, or None once the budget is spent."""
        if self._keeps(rows, columns):
            return self
        left = self.budget - sum(patch.reach(rows, columns) for patch in self._both)
        if left < 0:
            return None
        corner, centre = (patch.slide(rows, columns) for patch in self._both)
        bits = self.bits + (rows.kernel * columns.kernel).bit_length()
        return Coverage(corner, centre, self.exponent, bits, left)._scaled()

    def shifted(self, top: int, left: int) -> Coverage:
        """Return the counts on a map with rows of zeros put above and columns at the left."""
        corner, centre = (
            Patch(patch.values, patch.top + top, patch.left + left) for patch in self._both
        )
        return Coverage(corner, centre, self.exponent, self.bits, self.budget)

    def plus(self, other: Coverage) -> Coverage:
        """Return the counts of the sum of two branches."""
        exponent = max(self.exponent, other.exponent)
        mine, yours = self._at(exponent), other._at(exponent)
        return Coverage(
            mine.corner.plus(yours.corner),
            mine.centre.plus(yours.centre),
            exponent,
            max(mine.bits, yours.bits) + 1,
            min(self.budget, other.budget),
        )._scaled()

    @cached_property
    def ratio(self) -> float | None:
        """Corner count ÷ centre count; None where the centre pixel takes part in nothing."""
        centre = float(self.centre.values.sum())
        return float(self.corner.values.sum()) / centre if centre > 0 else None

    @property
    def _both(self) -> tuple[Patch, Patch]:
        return self.corner, self.centre

    def _keeps(self, rows: Slide, columns: Slide) -> bool:
        return all(
            rows.keeps(patch.top + patch.values.shape[0])
            and columns.keeps(patch.left + patch.values.shape[1])
            for patch in self._both
        )

    def _at(self, exponent: int) -> Coverage:
        times = exponent - self.exponent
        corner, centre = (patch.halved(times) for patch in self._both)
        return Coverage(corner, centre, exponent, self.bits - times, self.budget)

    def _scaled(self) -> Coverage:
        if self.bits <= _LARGE_BITS:
            return self
        bits = max(_bits(patch.values) for patch in self._both)
        return self._at(self.exponent + bits)._with_bits(0)

    def _with_bits(self, bits: int) -> Coverage:
        return Coverage(self.corner, self.centre, self.exponent, bits, self.budget)


@dataclass(frozen=True)
class PathCounts:
    """In how many windows each place of a map takes part, counted backward from a later map.

    The counts are divided by ``2**exponent``, so that deep stacks do not overflow.

    Args:
        values: float64 counts (rows, columns).
        exponent: power of two that they are divided by.
        bits: all values are below ``2**bits``.

    Example:
        >>> once = Slide(kernel=2, stride=1, before=0, outputs=2)
        >>> PathCounts.of_map(2, 2).back(once, once, (3, 3)).values.tolist()
        [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """

    values: NDArray[np.float64]
    exponent: int = 0
    bits: int = 1

    @classmethod
    def of_map(cls, height: int, width: int) -> PathCounts:
        """Start at a map, where each place takes part in itself once."""
        import numpy as np

        return cls(np.ones((height, width)))

    def back(self, rows: Slide, columns: Slide, size: tuple[int, int]) -> PathCounts:
        """Return the counts of the map of (rows, columns) ``size`` that a window slid over."""
        values = _spread(_spread(self.values, rows, size[0]).T, columns, size[1]).T
        bits = self.bits + (rows.kernel * columns.kernel).bit_length()
        return PathCounts(values, self.exponent, bits)._scaled()

    def inside(self, top: int, left: int, size: tuple[int, int]) -> PathCounts:
        """Return the counts of a part of the map that starts at (top, left)."""
        values = self.values[top : top + size[0], left : left + size[1]]
        return PathCounts(values, self.exponent, self.bits)

    def plus(self, other: PathCounts) -> PathCounts:
        """Return the counts of a map that two ways start from."""
        exponent = max(self.exponent, other.exponent)
        mine, yours = self._at(exponent), other._at(exponent)
        bits = max(mine.bits, yours.bits) + 1
        return PathCounts(mine.values + yours.values, exponent, bits)._scaled()

    def _at(self, exponent: int) -> PathCounts:
        import numpy as np

        times = exponent - self.exponent
        values = np.ldexp(self.values, -times) if times else self.values
        return PathCounts(values, exponent, self.bits - times)

    def _scaled(self) -> PathCounts:
        if self.bits <= _LARGE_BITS:
            return self
        scaled = self._at(self.exponent + _bits(self.values))
        return PathCounts(scaled.values, scaled.exponent, 0)


def _bits(values: NDArray[np.float64]) -> int:
    """Return the least whole number that all values are below two to the power of."""
    import numpy as np

    return int(np.frexp(values.max(initial=0.0))[1])


def _reach(length: int, slide: Slide) -> int:
    windows = min(slide.outputs, (length - 1 + slide.span) // slide.stride + 1)
    return max(length, (windows - 1) * slide.stride + slide.span)


def _slide(
    values: NDArray[np.float64], start: int, slide: Slide
) -> tuple[NDArray[np.float64], int]:
    """Sum each window along the first axis; return the sums and the place of the first."""
    import numpy as np

    length, others = values.shape
    first = max(0, -(-(start + slide.before - slide.span + 1) // slide.stride))
    last = min(slide.outputs - 1, (start + length - 1 + slide.before) // slide.stride)
    if values.size == 0 or last < first:
        return np.zeros((0, others)), first
    needed = (last - first) * slide.stride + slide.span
    begin = first * slide.stride - slide.before - start
    low, high = max(begin, 0), min(begin + needed, length)
    padded = np.zeros((needed, others))
    padded[low - begin : high - begin] = values[low:high]
    return _window_sums(padded, slide)[:: slide.stride], first


def _spread(values: NDArray[np.float64], slide: Slide, size: int) -> NDArray[np.float64]:
    """Give each of ``size`` places along the first axis the sum of the windows that it is in."""
    import numpy as np

    # A place is in those windows whose first value lies up to a span before it.
    padded = np.zeros((size + slide.span - 1, values.shape[1]))
    first = slide.span - 1 - slide.before
    padded[first : first + (slide.outputs - 1) * slide.stride + 1 : slide.stride] = values
    return _window_sums(padded, slide)


def _window_sums(values: NDArray[np.float64], slide: Slide) -> NDArray[np.float64]:
    """Sum the window that starts at each place along the first axis and fits.

    By doubling: windows of 1, 2, 4 … values make up any other. Only positive numbers are added, so
    that small counts beside large ones stay exact, which a running sum would lose.
    """
    length = len(values) - slide.span + 1
    power, size, done = values, 1, 0
    total: NDArray[np.float64] | None = None
    for bit in range(slide.kernel.bit_length()):
        if bit:
            gap = size * slide.dilation
            power = power[:-gap] + power[gap:]
            size *= 2
        if slide.kernel >> bit & 1:
            part = power[done * slide.dilation :][:length]
            total = part if total is None else total + part
            done += size
    assert total is not None
    return total
