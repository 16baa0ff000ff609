"""Rows of channels, taken together as wide rows, and wide rows as pieces of the work.

Where a sum or a factor belongs to each channel, a kernel goes over rows of channels; and rows of
few channels are too short for a processor's vectors. So some rows are taken as one wide row, and
what is known for each channel is written as often as it is wide.

Sums are taken by pieces, as many for a shape whatever the number of threads, and the pieces are put
together in float64 by every thread for itself, which costs less than to wait for one that does it:
the same numbers give the same bits.
"""

from __future__ import annotations

from typing import Any

import numba
import torch
from numba import types
from torch import Tensor

# Numbers in a wide row, and in a piece; pieces at most.
WIDE = 512
PIECE = 8192
PIECES = 64


def computed_in(number: Any) -> Any:
    """Return the Numba type of the sums and factors of such numbers."""
    return types.float64 if number == types.float64 else types.float32


@numba.njit
def ends(piece: int, pieces: int, values: int, width: int) -> tuple[int, int]:
    """Return where a piece begins and ends; pieces begin with a wide row."""
    rows = (values + width - 1) // width
    return piece * rows // pieces * width, min((piece + 1) * rows // pieces * width, values)


# Below are loops and no slices, and what is done to several rows is one loop over them: Numba takes
# several times as long to compile ``row[:] = 0``, or a function that is called once for each row.


@numba.njit
def clear(rows: Any) -> None:
    """Set rows to zero."""
    for row in range(len(rows)):
        for c in range(rows.shape[1]):
            rows[row, c] = 0


@numba.njit
def widen(rows: Any, channels: int) -> None:
    """Repeat what stands at the beginning of each row, for each channel, to the row's end."""
    for row in range(len(rows)):
        for start in range(channels, rows.shape[1], channels):
            for c in range(channels):
                rows[row, start + c] = rows[row, c]


@numba.njit
def narrow(wide: Any, rows: Any) -> None:
    """Add up the parts of wide rows, each of which has all channels; the wide rows are used up.

    Halves are added to each other, so that a sum of 512 parts is rounded nine times, and not 511.
    """
    channels = rows.shape[1]
    parts = wide.shape[1] // channels
    while parts > 1:
        kept = (parts + 1) // 2
        for row in range(len(rows)):
            for c in range((parts - kept) * channels):
                wide[row, c] += wide[row, kept * channels + c]
        parts = kept
    for row in range(len(rows)):
        for c in range(channels):
            rows[row, c] = wide[row, c]


def pieces_of(rows: int, flat: Tensor, channel: Tensor) -> Tensor:
    """Return room for what is found of each piece: (pieces, rows, channels)."""
    width = _width(len(channel))
    pieces = min(PIECES, max(1, len(flat) // PIECE), -(-len(flat) // width))
    return channel.new_empty(pieces, rows, len(channel))


def _width(channels: int) -> int:
    return max(1, WIDE // channels) * channels


def wide_rows(rows: int, channel: Tensor) -> Tensor:
    """Return wide rows for each thread: (threads, rows, width)."""
    return channel.new_empty(torch.get_num_threads(), rows, _width(len(channel)))


def float64_rows(channels: int) -> Tensor:
    """Return rows to add pieces up in, for each thread: (threads, 2, channels)."""
    return torch.empty(torch.get_num_threads(), 2, channels, dtype=torch.float64)
