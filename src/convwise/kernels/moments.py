"""Mean and variance of each channel.

Each piece is gone through twice, the second time from the cache: differences and their squares are
summed up about its first row, which gives its mean, and then about that mean. So a channel that
lies far from zero loses no digits, nor one whose first row lies far from the others.

Bytes moved in float32 per value: 4 read, and 4 once more where a piece is larger than the cache.

Torch's equivalent: ``var_mean(x, (0, 2, 3), correction=0)``.
Source: Chan, Golub and LeVeque 1983, equations 2.1 (parts put together) and 1.7 (the correction).
"""

from __future__ import annotations

from typing import Any

import numba

from convwise.kernels.number import as_float
from convwise.kernels.parallel import Kernel, array, flat, share, thread_number
from convwise.kernels.wide_rows import clear, computed_in, ends, narrow, widen


@Kernel
def moments(number: Any) -> Any:
    """Find each piece's means, and the sums of differences from them and of their squares."""
    computed = computed_in(number)

    def run(task: Any) -> None:
        x, found = flat(task, 0, number), array(task, 1, computed)[0]
        mine = array(task, 2, computed)[0, thread_number()]
        centre, total, squares = mine[0], mine[1], mine[2]
        width, channels = len(centre), found.shape[2]
        first, last = share(len(found))
        for piece in range(first, last):
            begin, end = ends(piece, len(found), len(x), width)
            mean, sums = found[piece, 0], found[piece, 1:]
            rows = computed((end - begin) // channels)
            for c in range(channels):
                mean[c] = as_float(x[begin + c])
            for turn in range(2):
                for c in range(channels):
                    centre[c] = mean[c]
                widen(mine[:1], channels)
                clear(mine[1:])
                for start in range(begin, end, width):
                    values = x[start : min(start + width, end)]
                    for c in range(len(values)):
                        away = as_float(values[c]) - centre[c]
                        total[c] += away
                        squares[c] += away * away
                narrow(mine[1:], sums)
                if turn == 0:
                    for c in range(channels):
                        mean[c] += sums[0, c] / rows

    return run


@numba.njit
def together(found: Any, values: int, width: int, sums: Any) -> None:
    """Put the pieces' moments together: the means and the variances of all rows, in float64."""
    clear(sums)
    mean, variance = sums[0], sums[1]
    channels = len(mean)
    before = 0.0
    for piece in range(len(found)):
        begin, end = ends(piece, len(found), values, width)
        rows = float((end - begin) // channels)
        share_of_piece = rows / (before + rows)
        for c in range(channels):
            # The mean was rounded; what the differences from it add up to, corrects it.
            rest = found[piece, 1, c] / rows
            away = found[piece, 0, c] + rest - mean[c]
            mean[c] += away * share_of_piece
            variance[c] += found[piece, 2, c] - rest * rest * rows
            variance[c] += away * away * before * share_of_piece
        before += rows
    for c in range(channels):
        variance[c] = max(variance[c] / before, 0.0)
