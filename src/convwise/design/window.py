"""Windows that slide over maps, and how the places of a map see the image."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.design.counting import Coverage, PathCounts
from convwise.errors import DesignError
from convwise.geometry import (
    Padding,
    ReceptiveField,
    Slide,
    output_size,
    same_padding,
    window_span,
)

Shape = tuple[int, ...]
"""(height, width, channels) of a map, or (features,) of a flat vector."""

Size = int | tuple[int, int]
"""One number for rows and columns alike, or (rows, columns). Layers store the pair."""


def show(shape: Shape) -> str:
    """Return a shape as people write it.

    Example:
        >>> show((28, 28, 1))
        '28×28×1'
    """
    return "×".join(str(side) for side in shape)


@dataclass(frozen=True)
class Window:
    """A window that slides over a map, as (rows, columns).

    Example:
        >>> Window((3, 3), padding="same").output((28, 28, 1))
        (28, 28)
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = "valid"
    dilation: tuple[int, int] = (1, 1)

    def output(self, shape: Shape) -> tuple[int, int]:
        """Return (rows, columns) that the window leaves.

        Raises:
            DesignError: it does not fit.
        """
        rows, columns = (
            output_size(
                shape[axis],
                self.kernel[axis],
                self.strides[axis],
                self.padding,
                self.dilation[axis],
            )
            for axis in (0, 1)
        )
        if min(rows, columns) < 1:
            spans = tuple(
                window_span(*axis) for axis in zip(self.kernel, self.dilation, strict=True)
            )
            gaps = f", {show(spans)} pixels with its gaps," if spans != self.kernel else ""
            raise DesignError(
                f"a {show(self.kernel)} window{gaps} does not fit a {show(shape[:2])} map"
            )
        return rows, columns

    def pads(self, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return zeros as ((top, bottom), (left, right))."""
        return self._pad(0, shape), self._pad(1, shape)

    def slides(self, shape: Shape) -> tuple[Slide, Slide]:
        """Return how it slides down the rows and along the columns of a map."""
        return self._slide(0, shape), self._slide(1, shape)

    def spread(self, counts: PathCounts, shape: Shape) -> PathCounts:
        """Return the counts of the map of ``shape`` that it slid over, from those behind it."""
        rows, columns = self.slides(shape)
        return counts.back(rows, columns, (shape[0], shape[1]))

    def _pad(self, axis: int, shape: Shape) -> tuple[int, int]:
        if self.padding == "valid":
            return 0, 0
        return same_padding(shape[axis], self.kernel[axis], self.strides[axis], self.dilation[axis])

    def _slide(self, axis: int, shape: Shape) -> Slide:
        kernel, stride, dilation = self.kernel[axis], self.strides[axis], self.dilation[axis]
        outputs = output_size(shape[axis], kernel, stride, self.padding, dilation)
        return Slide(kernel, stride, self._pad(axis, shape)[0], outputs, dilation)


@dataclass(frozen=True)
class View:
    """How the places of a map see the image: receptive fields and border coverage.

    Args:
        rows: receptive field down the rows.
        columns: receptive field along the columns.
        coverage: counts of windows, or None where they would cost too much.
    """

    rows: ReceptiveField
    columns: ReceptiveField
    coverage: Coverage | None

    @classmethod
    def of_image(cls, height: int, width: int) -> View:
        """Start at the image, where each place sees itself."""
        return cls(ReceptiveField(), ReceptiveField(), Coverage.of_image(height, width))

    def through(self, window: Window, shape: Shape) -> View:
        """Return the view behind a window that slides over the present map of ``shape``."""
        rows, columns = window.slides(shape)
        return View(
            self.rows.through(rows.kernel, rows.stride, rows.before, rows.dilation),
            self.columns.through(columns.kernel, columns.stride, columns.before, columns.dilation),
            self.coverage.through(rows, columns) if self.coverage else None,
        )

    def plus(self, other: View) -> View:
        """Return the view of the sum of two branches."""
        both = self.coverage.plus(other.coverage) if self.coverage and other.coverage else None
        return View(self.rows.union(other.rows), self.columns.union(other.columns), both)
