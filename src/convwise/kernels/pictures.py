"""Pictures from a store to a network's input, in one pass.

A training batch is gathered from the store, mirrored, moved, and scaled to
``(level / 255 - mean) / std``. Done one after the other, each of these goes over the batch once or
more, most of them over float32 that is four times as large as the pictures. Here each value is read
once and written once: where it comes from is arithmetic on indices, and what it becomes stands in a
table of 256 levels for each channel, so that the result is that of the separate steps to the bit.

Bytes moved per value: 1 read, 4 written in float32.

Torch's equivalent: :func:`convwise.data.augment.position.mirror_and_shift`, then
:func:`convwise.data.batches.to_input`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import types
from numpy.typing import NDArray
from torch import Tensor

from convwise.kernels.parallel import Kernel, array, share, whole_number


@Kernel
def _placed(number: Any, channels: int = 1) -> Any:
    # The number of channels is known when this is compiled: the inner loop is written out.
    def run(task: Any) -> None:
        images, table = array(task, 0, types.uint8), array(task, 1, number)[0, 0]
        rows, out = array(task, 2, types.int64)[0, 0], array(task, 3, number)
        level = whole_number(task, 4)
        height, width = out.shape[1], out.shape[2]
        first, last = share(out.shape[0] * height)
        for line in range(first, last):
            place, y = line // height, line % height
            row, down, right, mirrored = rows[place]
            target, source_y = out[place, y], y - down
            start, end = max(right, 0), min(width + right, width)
            if source_y < 0 or source_y >= height or start >= end:
                start = end = width
            else:
                source = images[row, source_y]
                # The first column that is seen, and the step to the next one.
                column = width - 1 - (start - right) if mirrored else start - right
                step = -1 if mirrored else 1
                for x in range(start, end):
                    for channel in range(channels):
                        target[x, channel] = table[channel, source[column, channel]]
                    column += step
            for x in range(start):
                for channel in range(channels):
                    target[x, channel] = table[channel, level]
            for x in range(end, width):
                for channel in range(channels):
                    target[x, channel] = table[channel, level]

    return run


def placed_pictures(
    images: NDArray[np.uint8],
    rows: NDArray[np.int64],
    moves: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]],
    table: NDArray[np.float32],
    pad_value: int,
) -> Tensor:
    """Gather pictures, mirror and move them, and scale their levels.

    Args:
        images: uint8, (n, height, width, channels), C-contiguous; it may be mapped from a file.
        rows: int64, (batch,), which of them.
        moves: (down, right, mirrored), each (batch,); pixels, and whether left and right change
            places before the move.
        table: float32, (channels, 256), what each level becomes.
        pad_value: level of what a move uncovers.

    Returns:
        float32, (batch, channels, height, width) in channels_last memory.

    Example:
        >>> levels = np.arange(256, dtype=np.float32)[None]
        >>> row = np.array([[[[1], [2], [3]]]], np.uint8)
        >>> moves = (np.array([0]), np.array([1]), np.array([True]))
        >>> placed_pictures(row, np.array([0]), moves, levels, pad_value=9).flatten().tolist()
        [9.0, 3.0, 2.0]
    """
    channels = images.shape[3]
    orders = np.stack([rows, *moves], axis=1).astype(np.int64)
    out = torch.empty((len(rows), *images.shape[1:]))
    _placed(images, table, orders, out, pad_value, of=torch.float32, channels=channels)
    return out.permute(0, 3, 1, 2)
