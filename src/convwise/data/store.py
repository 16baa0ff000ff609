"""PixelStore: decoded pictures of one split, ready to be cut into batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.errors import DataError

_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class PixelStore:
    """Pictures, labels and names of one split, in canonical order.

    The canonical order is by class index, then by file name (arrays: their own order). So a data
    set and its export as folders give the same bytes.

    Args:
        pixels: uint8, (n, height, width, channels), C-contiguous.
        labels: int64, (n,), class indices.
        ids: n names, each the source's own name for the picture.

    Raises:
        DataError: the three do not belong together, or have other types.

    Example:
        >>> store = PixelStore(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), ("a", "b"))
        >>> len(store)
        2
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4:
            raise DataError(
                f"pixels are {self.pixels.dtype} of shape {self.pixels.shape}; "
                "a PixelStore takes uint8 of shape (n, height, width, channels)"
            )
        if self.labels.dtype != np.int64 or self.labels.shape != self.pixels.shape[:1]:
            raise DataError(
                f"labels are {self.labels.dtype} of shape {self.labels.shape}; "
                f"{len(self.pixels)} pictures need int64 of shape ({len(self.pixels)},)"
            )
        if len(self.ids) != len(self.pixels):
            raise DataError(f"{len(self.pixels)} pictures come with {len(self.ids)} ids")

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, indices: NDArray[np.int64]) -> PixelStore:
        """Return the pictures at these positions, in the order of ``indices``."""
        ids = tuple(self.ids[index] for index in indices.tolist())
        return PixelStore(self.pixels[indices], self.labels[indices], ids)

    def channel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of each channel, in units of the full range 0…1.

        Both are exact to float64, and do not depend on the number of threads. A standard
        deviation below one grey level counts as one level, so that it can always be divided by.

        Raises:
            DataError: the store is empty.
        """
        channels = self.pixels.shape[3]
        count = self.pixels.size // channels if channels else 0
        if count == 0:
            raise DataError("an empty split has no mean; add pictures to it")
        total = np.zeros(channels)
        squares = np.zeros(channels)
        step = max(1, _BLOCK_VALUES // (self.pixels.size // len(self)))
        for start in range(0, len(self), step):
            # Whole numbers below 2**53 add without rounding, in any order.
            block = self.pixels[start : start + step].reshape(-1, channels).astype(np.float64)
            total += block.sum(axis=0)
            squares += np.einsum("nc,nc->c", block, block)
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0.0)
        std = np.maximum(np.sqrt(variance), 1.0)
        return tuple((mean / 255).tolist()), tuple((std / 255).tolist())
