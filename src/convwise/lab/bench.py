"""One kernel slid over one image: the numbers that the convolution bench shows.

How windows lie is :class:`convwise.design.window.Window`'s to say, which asks ``geometry``; here
the values are added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convwise.design.window import Window
from convwise.geometry import Slide

Map = NDArray[np.float64]
"""(height, width) of one channel."""

Pool = Literal["none", "max", "average"]


@dataclass(frozen=True)
class Slid:
    """A window on its way over a map, and what it leaves.

    Args:
        window: its size, stride, padding and dilation.
        shape: (height, width) of the map that it slides over.
        values: of the map that it leaves, (rows, columns).
    """

    window: Window
    shape: tuple[int, int]
    values: Map

    def to_json(self) -> dict[str, Any]:
        """Return the integers of both axes and the values, row by row, to five digits."""
        rows, columns = self.window.slides(self.shape)
        above, left = self.window.pads(self.shape)
        return {
            "rows": _axis(rows, self.shape[0], above[1]),
            "columns": _axis(columns, self.shape[1], left[1]),
            "values": [float(f"{value:.5g}") for value in self.values.ravel()],
        }


def _axis(slide: Slide, size: int, after: int) -> dict[str, int]:
    return {
        "size": size,
        "kernel": slide.kernel,
        "stride": slide.stride,
        "dilation": slide.dilation,
        "span": slide.span,
        "before": slide.before,
        "after": after,
        "outputs": slide.outputs,
    }


def convolved(image: Map, kernel: Map, window: Window) -> Slid:
    """Slide a kernel over an image, as a convolutional layer does: the kernel is not flipped.

    Args:
        image: (height, width).
        kernel: (rows, columns) of the window.
        window: how it slides; zeros stand where ``padding="same"`` pads.

    Raises:
        DesignError: the window does not fit the image.

    Example:
        >>> image, mean = np.arange(9.0).reshape(3, 3), np.full((3, 3), 1 / 9)
        >>> convolved(image, mean, Window((3, 3))).values
        array([[4.]])
    """
    taps = _taps(image, window, outside=0.0)
    return Slid(window, _shape(image), np.tensordot(kernel.ravel(), taps, axes=1))


def pooled(image: Map, window: Window, pool: Literal["max", "average"]) -> Slid:
    """Keep one value of each region; what ``padding="same"`` adds counts neither way.

    Raises:
        DesignError: the window does not fit the map.

    Example:
        >>> pooled(np.arange(4.0).reshape(2, 2), Window((2, 2), (2, 2)), "max").values
        array([[3.]])
    """
    taps = _taps(image, window, outside=np.nan)
    made = np.nanmax(taps, axis=0) if pool == "max" else np.nanmean(taps, axis=0)
    return Slid(window, _shape(image), made)


def _shape(image: Map) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _taps(image: Map, window: Window, outside: float) -> NDArray[np.float64]:
    """Return what each place of the window sees, (places of the window, rows, columns)."""
    shape = _shape(image)
    height, width = window.output(shape)
    padded = np.pad(image, window.pads(shape), constant_values=outside)
    (down, along), (row_gap, column_gap) = window.strides, window.dilation
    return np.stack(
        [
            padded[
                row * row_gap : row * row_gap + (height - 1) * down + 1 : down,
                column * column_gap : column * column_gap + (width - 1) * along + 1 : along,
            ]
            for row in range(window.kernel[0])
            for column in range(window.kernel[1])
        ]
    )
