"""Convolution and pooling of one map in numpy, the plain way, for figures of small examples."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convwise.geometry import Padding, same_padding

Map = NDArray[np.float64]


def windows(
    values: Map, kernel: int, stride: int = 1, padding: Padding = "valid", fill: float = 0.0
) -> Map:
    """Return every window, as (rows, columns, kernel, kernel)."""
    if padding == "same":
        pads = [same_padding(size, kernel, stride) for size in values.shape]
        values = np.pad(values, pads, constant_values=fill)
    return sliding_window_view(values, (kernel, kernel))[::stride, ::stride]


def convolve(values: Map, filter_: Map, stride: int = 1, padding: Padding = "valid") -> Map:
    """Return the sum of each window times a square filter, not turned, as CNNs do."""
    return np.einsum("rcij,ij->rc", windows(values, len(filter_), stride, padding), filter_)


def max_pool(values: Map, size: int = 2, stride: int | None = None) -> Map:
    """Return the largest value of each window."""
    return windows(values, size, stride or size).max(axis=(2, 3))


def average_pool(values: Map, size: int = 2, stride: int | None = None) -> Map:
    """Return the mean of each window."""
    return windows(values, size, stride or size).mean(axis=(2, 3))


def times_read(size: int, kernel: int, stride: int, padding: Padding = "valid") -> Map:
    """Return for each value of a square map in how many windows it takes part."""
    pads = same_padding(size, kernel, stride) if padding == "same" else (0, 0)
    places = np.arange(size + sum(pads)) - pads[0]
    read = sliding_window_view(places, kernel)[::stride]
    counts = np.array([np.count_nonzero(read == place) for place in range(size)], dtype=float)
    return np.outer(counts, counts)
