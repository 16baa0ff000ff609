"""Traits: what was noticed about pictures while they were decoded."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class Kind(enum.IntFlag):
    """What is out of the ordinary about a picture file; several may hold."""

    ROTATED = 1
    SIXTEEN_BIT = 2
    CMYK = 4
    PALETTE = 8
    ALPHA = 16
    ANIMATED = 32
    GREY = 64
    CONSTANT = 128


@dataclass(frozen=True, eq=False)
class Traits:
    """Facts about n pictures, in their order.

    Args:
        widths: int32, (n,), columns of the upright picture before any resizing.
        heights: int32, (n,), rows of it.
        kinds: uint16, (n,), each a sum of :class:`Kind`.

    Example:
        >>> Traits.uniform(3, 28, 28, Kind.GREY).select(np.array([0, 2])).widths.tolist()
        [28, 28]
    """

    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    kinds: NDArray[np.uint16]

    @classmethod
    def empty(cls, count: int) -> Traits:
        """Return traits to be filled in, all zero."""
        return cls(np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.uint16))

    @classmethod
    def uniform(cls, count: int, width: int, height: int, kinds: Kind) -> Traits:
        """Return the traits of pictures that are all alike, as arrays are."""
        return cls(
            np.full(count, width, np.int32),
            np.full(count, height, np.int32),
            np.full(count, kinds, np.uint16),
        )

    def __len__(self) -> int:
        return len(self.widths)

    def select(self, indices: NDArray[np.int64]) -> Traits:
        """Return the traits of the pictures at these positions."""
        return Traits(self.widths[indices], self.heights[indices], self.kinds[indices])

    def having(self, kind: Kind) -> NDArray[np.bool_]:
        """Return which pictures are of a kind, (n,)."""
        found: NDArray[np.bool_] = (self.kinds & int(kind)) != 0
        return found
