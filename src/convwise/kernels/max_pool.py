"""Max-pooling, and ReLU with it.

For each window the forward kernel keeps its largest value and, in one byte, which of the window's
places it came from. The backward kernel reads those bytes instead of the input, which is
four times as large in float32 at twice the side: a gradient goes to the place that won. ReLU after
the maximum costs nothing: a window whose maximum is not above zero has no winner.

Nothing is computed here, only compared and moved. So bfloat16 needs no float32: its bits compare
as whole numbers once those below zero are turned round (``as_rank``), 32 at once in vectors that
hold 16 of float32.

Bytes moved in float32, 2×2: forward 4 read and 1 + ¼ written per output value and channel
(× 4 bytes), backward 1 + ¼ read and 4 written. Torch writes indices of eight bytes, fills the
gradient with zeros first, and passes over everything once more for ReLU.

Torch's equivalent: ``relu(max_pool2d(x, size, strides))``.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from numba import types
from torch import Tensor
from torch.autograd.function import once_differentiable

from convwise.kernels.number import as_float, as_rank, as_stored, is_nan
from convwise.kernels.parallel import Kernel, array, prefetch, share

NOBODY = 255
LINE_OF_CACHE = 64
Pair = tuple[int, int]


@Kernel
def _forward(number: Any, size: Pair, strides: Pair, relu: bool) -> Any:
    # Known when this is compiled: the loop over a window's places is unrolled, and the one over
    # channels becomes vector instructions.
    across, places = size[1], size[0] * size[1]
    down_step, across_step = strides
    # As wide as the number: a vector then holds as many places as it holds numbers.
    word = {types.uint16: types.uint16, types.float32: types.uint32}.get(number, types.uint64)
    per_line = LINE_OF_CACHE * 8 // number.bitwidth

    def run(task: Any) -> None:
        x, y, winner = array(task, 0, number), array(task, 1, number), array(task, 2, types.uint8)
        lines, channels = y.shape[0] * y.shape[1], y.shape[3]
        first, last = share(lines)
        for line in range(first, last):
            picture, row = line // y.shape[1], line % y.shape[1]
            top = row * down_step
            for column in range(y.shape[2]):
                left = column * across_step
                for ahead in range(down_step):
                    below = (picture * x.shape[1] + top + down_step + ahead) * x.shape[2] + left
                    for step in range(0, channels * across_step, per_line):
                        prefetch(x, below * channels + step)
                for c in range(channels):
                    best, place = x[picture, top, left, c], word(0)
                    for other in range(1, places):
                        value = x[picture, top + other // across, left + other % across, c]
                        # As in torch the first of equals wins, and the last NaN.
                        wins = (as_rank(value) > as_rank(best)) | is_nan(value)
                        best = value if wins else best
                        place = word(other) if wins else place
                    if relu:
                        dead = as_rank(best) <= 0
                        best = number(0) if dead else best
                        place = word(NOBODY) if dead else place
                    y[picture, row, column, c] = best
                    winner[picture, row, column, c] = types.uint8(place)

    return run


@Kernel
def _backward_of_tiles(number: Any, size: Pair) -> Any:
    """Write the gradient's lines one after the other; each value is written once."""
    down_size, across = size

    def run(task: Any) -> None:
        g, winner, dx = array(task, 0, number), array(task, 1, types.uint8), array(task, 2, number)
        lines, channels = dx.shape[1], dx.shape[3]
        first, last = share(dx.shape[0] * lines)
        for each in range(first, last):
            picture, line = each // lines, each % lines
            row, down = line // down_size, line % down_size
            # What no window covers: rows and columns left over at the far sides.
            if row >= g.shape[1]:
                dx[picture, line] = 0
                continue
            dx[picture, line, g.shape[2] * across :] = 0
            for column in range(g.shape[2]):
                gradient, place = g[picture, row, column], winner[picture, row, column]
                for right in range(across):
                    kind = types.uint8(down * across + right)
                    out = dx[picture, line, column * across + right]
                    for c in range(channels):
                        # Both are read whoever wins: a load under a condition is no vector's.
                        whole, won = gradient[c], place[c] == kind
                        out[c] = whole if won else number(0)

    return run


@Kernel
def _backward(number: Any, size: Pair, strides: Pair) -> Any:
    """Add up the gradients of windows that overlap, or leave gaps."""
    across, places = size[1], size[0] * size[1]
    down_step, across_step = strides

    def run(task: Any) -> None:
        g, winner, dx = array(task, 0, number), array(task, 1, types.uint8), array(task, 2, number)
        channels = dx.shape[3]
        first, last = share(dx.shape[0])
        for picture in range(first, last):
            dx[picture] = 0
            for row in range(g.shape[1]):
                for column in range(g.shape[2]):
                    gradient, place = g[picture, row, column], winner[picture, row, column]
                    for other in range(places):
                        window = dx[
                            picture,
                            row * down_step + other // across,
                            column * across_step + other % across,
                        ]
                        kind = types.uint8(other)
                        for c in range(channels):
                            whole, won, before = gradient[c], place[c] == kind, window[c]
                            total = as_stored(as_float(before) + as_float(whole), before)
                            window[c] = total if won else before

    return run


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: Pair, strides: Pair, relu: bool) -> Tensor:
        last = x.permute(0, 2, 3, 1).contiguous()
        pictures, rows, columns, channels = last.shape
        shape = (
            pictures,
            (rows - size[0]) // strides[0] + 1,
            (columns - size[1]) // strides[1] + 1,
            channels,
        )
        y = last.new_empty(shape)
        winner = torch.empty(shape, dtype=torch.uint8)
        _forward(last, y, winner, size=size, strides=strides, relu=relu)
        ctx.save_for_backward(winner)
        ctx.shape, ctx.size, ctx.strides = last.shape, size, strides
        return y.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        (winner,) = ctx.saved_tensors
        last, dx = g.permute(0, 2, 3, 1).contiguous(), g.new_empty(ctx.shape)
        if ctx.size == ctx.strides:
            _backward_of_tiles(last, winner, dx, size=ctx.size)
        else:
            _backward(last, winner, dx, size=ctx.size, strides=ctx.strides)
        return dx.permute(0, 3, 1, 2), None, None, None


def max_pool(x: Tensor, size: Pair, strides: Pair, relu: bool = False) -> Tensor:
    """Return the largest value of each window, or zero where that is larger.

    Args:
        x: (batch, channels, height, width) in channels_last memory; float32, float64, bfloat16.
        size: of a window, at most 255 places.
        strides: between windows.
        relu: whether ReLU follows.

    Returns:
        (batch, channels, height', width') in channels_last memory; equal to torch's to the bit,
        except that ReLU of -0 is 0.

    Example:
        >>> max_pool(torch.tensor([[[[-1.0, -2.0], [-3.0, -4.0]]]]), (2, 2), (2, 2), relu=True)
        tensor([[[[0.]]]])
    """
    pooled: Tensor = _MaxPool.apply(x, size, strides, relu)  # type: ignore[no-untyped-call]
    return pooled


def torch_max_pool(x: Tensor, size: Pair, strides: Pair, relu: bool = False) -> Tensor:
    """Return what :func:`max_pool` does, by torch's own operations."""
    pooled = F.max_pool2d(x, size, strides)
    return F.relu(pooled) if relu else pooled
