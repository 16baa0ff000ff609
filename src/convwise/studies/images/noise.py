"""Grain, as a sensor in the dark adds it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def noisy(pixels: NDArray[np.uint8], deviation: float, seed: int = 0) -> NDArray[np.uint8]:
    """Return images with normal noise on every value, rounded and held within 0…255.

    Args:
        pixels: uint8 (images, height, width, channels).
        deviation: standard deviation in grey levels.
        seed: decides the noise.

    Example:
        >>> noisy(np.full((1, 2, 2, 1), 255, np.uint8), 0.0).tolist()
        [[[[255], [255]], [[255], [255]]]]
    """
    grain = np.random.default_rng(seed).standard_normal(pixels.shape, np.float32)
    levels: NDArray[np.float32] = pixels + grain * np.float32(deviation)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
