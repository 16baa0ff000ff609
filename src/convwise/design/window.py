"""Windows that slide over maps, and how the places of a map see the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convwise.errors import DesignError
from convwise.geometry import (
    Coverage,
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
        rows, columns = (slide.outputs for slide in self.slides(shape))
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
        rows, columns = (
            same_padding(*axis) if self.padding == "same" else (0, 0) for axis in self._axes(shape)
        )
        return rows, columns

    def slides(self, shape: Shape) -> tuple[Slide, Slide]:
        """Return how it slides down the rows and along the columns of a map."""
        rows, columns = (
            Slide(kernel, stride, pad[0], output_size(size, kernel, stride, self.padding, gap), gap)
            for (size, kernel, stride, gap), pad in zip(
                self._axes(shape), self.pads(shape), strict=True
            )
        )
        return rows, columns

    def _axes(self, shape: Shape) -> Iterator[tuple[int, int, int, int]]:
        return zip(shape[:2], self.kernel, self.strides, self.dilation, strict=True)


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
