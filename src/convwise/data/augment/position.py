"""Mirror pictures and move them, without interpolation."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray


def mirror_and_shift(
    pixels: NDArray[np.uint8],
    down: NDArray[np.int64],
    right: NDArray[np.int64],
    mirrored: NDArray[np.bool_],
    *,
    margin: int,
    pad_value: int,
) -> NDArray[np.uint8]:
    """Return copies, mirrored first and then moved; what that uncovers is filled.

    Args:
        pixels: uint8, (batch, height, width, channels).
        down: int64, (batch,), rows that each picture moves down, -margin…margin.
        right: int64, (batch,), columns that each moves to the right.
        mirrored: bool, (batch,), whether left and right change places.
        margin: the largest move in pixels.
        pad_value: grey level 0…255 of what is uncovered.

    Example:
        >>> row = np.array([[[[1], [2], [3]]]], np.uint8)
        >>> moved = mirror_and_shift(
        ...     row, np.array([0]), np.array([1]), np.array([True]), margin=1, pad_value=9
        ... )
        >>> moved[0, 0, :, 0].tolist()
        [9, 3, 2]
    """
    batch, height, width, channels = pixels.shape
    canvas = np.full(
        (batch, height + 2 * margin, width + 2 * margin, channels), pad_value, np.uint8
    )
    inner = canvas[:, margin : margin + height, margin : margin + width]
    inner[:] = pixels
    # Channel by channel: numpy is slow where its innermost loop runs over three bytes only.
    for channel in range(channels):
        inner[mirrored, :, :, channel] = pixels[mirrored, :, ::-1, channel]
    if margin == 0:
        return canvas
    # One window per possible shift, as views; rows of a window are contiguous, so the gather
    # below copies whole rows.
    picture, row, column, _ = canvas.strides
    windows = as_strided(
        canvas,
        (batch, 2 * margin + 1, 2 * margin + 1, height, width * channels),
        (picture, row, column, row, 1),
        writeable=False,
    )
    # Content that moves down shows the window that begins further up.
    moved = windows[np.arange(batch), margin - down, margin - right]
    return moved.reshape(batch, height, width, channels)
