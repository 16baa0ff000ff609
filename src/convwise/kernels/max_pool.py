"""Max-pooling, and ReLU with it.

For each window the forward kernel keeps its largest value and, in one byte, which of the window's
places it came from. The backward kernel reads those bytes instead of the input, which is
four times as large in float32 at twice the side: a gradient goes to the place that won. ReLU after
the maximum costs nothing: a window whose maximum is not above zero has no winner.

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

from convwise.kernels.number import as_float, as_stored
from convwise.kernels.parallel import Kernel, array, share

NOBODY = 255
Pair = tuple[int, int]


@Kernel
def _forward(number: Any, size: Pair, strides: Pair, relu: bool) -> Any:
    # Known when this is compiled: the loop over a window's places is unrolled, and the one over
    # channels becomes vector instructions.
    across, places = size[1], size[0] * size[1]
    down_step, across_step = strides

    def run(task: Any) -> None:
        x, y, winner = array(task, 0, number), array(task, 1, number), array(task, 2, types.uint8)
        lines, channels = y.shape[0] * y.shape[1], y.shape[3]
        first, last = share(lines)
        for line in range(first, last):
            picture, row = line // y.shape[1], line % y.shape[1]
            top = row * down_step
            for column in range(y.shape[2]):
                left = column * across_step
                for c in range(channels):
                    best, place = as_float(x[picture, top, left, c]), types.uint8(0)
                    for other in range(1, places):
                        value = as_float(
                            x[picture, top + other // across, left + other % across, c]
                        )
                        # As in torch the first of equals wins, and the last NaN.
                        wins = (value > best) | (value != value)
                        best = value if wins else best
                        place = types.uint8(other) if wins else place
                    if relu:
                        dead = best <= 0
                        best = types.float32(0) if dead else best
                        place = types.uint8(NOBODY) if dead else place
                    y[picture, row, column, c] = as_stored(best, y[0, 0, 0, 0])
                    winner[picture, row, column, c] = place

    return run


@Kernel
def _backward(number: Any, size: Pair, strides: Pair) -> Any:
    across, places = size[1], size[0] * size[1]
    down_step, across_step = strides
    tiled = size == strides

    def run(task: Any) -> None:
        g, winner, dx = array(task, 0, number), array(task, 1, types.uint8), array(task, 2, number)
        channels = dx.shape[3]
        first, last = share(dx.shape[0])
        for picture in range(first, last):
            if tiled:
                # What no window covers: rows and columns left over at the far sides.
                dx[picture, g.shape[1] * down_step :] = 0
                dx[picture, :, g.shape[2] * across_step :] = 0
            else:
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
                            # Both are read whoever wins: a load under a condition is no vector's.
                            whole, won = gradient[c], place[c] == kind
                            if tiled:
                                window[c] = whole if won else number(0)
                            else:
                                before = window[c]
                                total = as_stored(as_float(before) + as_float(whole), before)
                                window[c] = total if won else before

    return run


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: Pair, strides: Pair, relu: bool) -> Tensor:
        pictures, rows, columns, channels = x.shape
        shape = (
            pictures,
            (rows - size[0]) // strides[0] + 1,
            (columns - size[1]) // strides[1] + 1,
            channels,
        )
        y = x.new_empty(shape)
        winner = torch.empty(shape, dtype=torch.uint8)
        _forward(x, y, winner, size=size, strides=strides, relu=relu)
        ctx.save_for_backward(winner)
        ctx.shape, ctx.size, ctx.strides = x.shape, size, strides
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        (winner,) = ctx.saved_tensors
        dx = g.new_empty(ctx.shape)
        _backward(g.contiguous(), winner, dx, size=ctx.size, strides=ctx.strides)
        return dx, None, None, None


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
    last = x.permute(0, 2, 3, 1).contiguous()
    pooled: Tensor = _MaxPool.apply(last, size, strides, relu)  # type: ignore[no-untyped-call]
    return pooled.permute(0, 3, 1, 2)


def torch_max_pool(x: Tensor, size: Pair, strides: Pair, relu: bool = False) -> Tensor:
    """Return what :func:`max_pool` does, by torch's own operations."""
    pooled = F.max_pool2d(x, size, strides)
    return F.relu(pooled) if relu else pooled
