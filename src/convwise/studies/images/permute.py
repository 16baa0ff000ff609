"""One fixed other order for the pixels of every image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def permuted(pixels: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    """Return images whose places have changed places, in all of them alike.

    The channels of a pixel stay together.

    Args:
        pixels: uint8 (images, height, width, channels).
        seed: decides the order.

    Example:
        >>> sorted(permuted(np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)).ravel().tolist())
        [0, 1, 2, 3]
    """
    count, height, width, channels = pixels.shape
    order = np.random.default_rng(seed).permutation(height * width)
    return pixels.reshape(count, height * width, channels)[:, order].reshape(pixels.shape)
