"""A task whose answer hangs on a detail of single pixels, made from any images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convwise.data.draws import draws

PATCH = 6


def with_stripes(
    pixels: NDArray[np.uint8], seed: int, size: int = PATCH
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images with a small patch of stripes somewhere, and which way the stripes run.

    The stripes are one pixel wide, black and white. The patch's place, its way and whether it
    begins black or white are drawn for each image; both ways have the same levels, equally often.

    Args:
        pixels: uint8 (images, height, width, channels), at least ``size`` high and wide.
        seed: decides, with the image's position, all three.
        size: rows and columns of the patch; an even number.

    Returns:
        uint8 images, and int64 labels: 0 for level stripes, 1 for upright ones.

    Example:
        >>> images, labels = with_stripes(np.zeros((1, 2, 2, 1), np.uint8), seed=0, size=2)
        >>> sorted(images.ravel().tolist())
        [0, 0, 255, 255]
    """
    count, height, width, _ = pixels.shape
    drawn = draws("detail", seed, counters=np.arange(count * 4, dtype=np.int64)).reshape(count, 4)
    limits = np.array([height - size + 1, width - size + 1, 2, 2], np.uint64)
    top, left, upright, first = (drawn % limits).astype(np.int64).T
    marked = pixels.copy()
    steps = np.arange(size)
    for image in range(count):
        stripes = np.where((steps + first[image]) % 2, 255, 0).astype(np.uint8)
        patch = np.tile(stripes, (size, 1)) if upright[image] else np.tile(stripes, (size, 1)).T
        rows = slice(top[image], top[image] + size)
        marked[image, rows, left[image] : left[image] + size] = patch[:, :, None]
    return marked, upright
