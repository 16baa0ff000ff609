"""Rectangles in pictures, to be erased or to be taken from another picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rectangles(
    size: tuple[int, int],
    areas: NDArray[np.float64],
    ratios: NDArray[np.float64],
    places: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return which pixels lie in each rectangle; it lies whole in the picture.

    Args:
        size: (height, width) of the pictures.
        areas: (batch,), share of the picture's area, 0…1.
        ratios: (batch,), height by width, each as a share of the picture's.
        places: (batch, 2), where it is down and across: 0 is one end, 1 the other.

    Returns:
        bool, (batch, height, width).

    Example:
        >>> left_half = rectangles((1, 4), np.array([0.5]), np.array([2.0]), np.zeros((1, 2)))
        >>> left_half[0, 0].tolist()
        [True, True, False, False]
    """
    shares = np.stack([np.sqrt(areas * ratios), np.sqrt(areas / ratios)], axis=1)
    # A side longer than the picture's is cut to it, and the other gets what is left of the area.
    longest = shares.max(axis=1, keepdims=True)
    shares = np.where(longest > 1, np.minimum(shares * longest, 1.0), shares)
    sides = np.rint(shares * size).astype(np.int64)
    starts = np.rint(places * (np.array(size) - sides)).astype(np.int64)
    inside = []
    for axis, length in enumerate(size):
        line = np.arange(length)
        start, side = starts[:, axis, None], sides[:, axis, None]
        inside.append((line >= start) & (line < start + side))
    covered: NDArray[np.bool_] = inside[0][:, :, None] & inside[1][:, None, :]
    return covered
