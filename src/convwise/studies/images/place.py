"""Put whole images somewhere on a larger canvas; no pixel is lost and nothing wraps around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convwise.data.draws import draws

STRAIGHT = ((-1, 0), (1, 0), (0, -1), (0, 1))


def on_canvas(
    pixels: NDArray[np.uint8], margin: int, down: int = 0, right: int = 0, fill: int = 0
) -> NDArray[np.uint8]:
    """Return images on a canvas that is larger by ``margin`` on every side.

    Args:
        pixels: uint8 (images, height, width, channels).
        margin: pixels that the canvas has more on every side.
        down: rows that the images are moved from the middle, -margin…margin.
        right: columns likewise.
        fill: grey level of the canvas.

    Raises:
        ValueError: an image would leave the canvas.

    Example:
        >>> on_canvas(np.full((1, 1, 1, 1), 9, np.uint8), 1, right=1)[0, :, :, 0].tolist()
        [[0, 0, 0], [0, 0, 9], [0, 0, 0]]
    """
    if max(abs(down), abs(right)) > margin:
        raise ValueError(f"moved by ({down}, {right}), images leave a margin of {margin}")
    count, height, width, channels = pixels.shape
    canvas = np.full((count, height + 2 * margin, width + 2 * margin, channels), fill, np.uint8)
    top, left = margin + down, margin + right
    canvas[:, top : top + height, left : left + width] = pixels
    return canvas


def at_border(
    pixels: NDArray[np.uint8], margin: int, seed: int, fill: int = 0
) -> NDArray[np.uint8]:
    """Return images that touch one edge of the canvas, each the one that is drawn for it.

    Args:
        pixels: uint8 (images, height, width, channels).
        margin: pixels that the canvas has more on every side.
        seed: decides, with the image's position, which edge.
        fill: grey level of the canvas.

    Example:
        >>> moved = at_border(np.full((1, 1, 1, 1), 9, np.uint8), 1, seed=0)
        >>> int(moved.sum()), int(moved[0, 1, 1, 0])
        (9, 0)
    """
    edges = draws("border", seed, counters=np.arange(len(pixels), dtype=np.int64)) % np.uint64(4)
    moved = np.empty_like(on_canvas(pixels, margin))
    for number, (down, right) in enumerate(STRAIGHT):
        chosen = edges == number
        moved[chosen] = on_canvas(pixels[chosen], margin, down * margin, right * margin, fill)
    return moved
