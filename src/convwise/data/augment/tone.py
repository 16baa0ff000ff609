"""Make pictures brighter or darker, and their contrast stronger or weaker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def change_tone(
    pixels: NDArray[np.uint8], brightness: NDArray[np.float64], contrast: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return copies with other grey levels; a table of 256 of them is made for each picture.

    Args:
        pixels: uint8, (batch, height, width, channels).
        brightness: (batch,), added to every level, as a share of 255.
        contrast: (batch,), factor of each level's distance from the picture's mean level.

    Example:
        >>> picture = np.array([[[[100], [200]]]], np.uint8)
        >>> change_tone(picture, np.array([0.0]), np.array([0.5])).ravel().tolist()
        [125, 175]
    """
    # A sum of whole numbers is the same in whatever order it is made.
    means = pixels.sum(axis=(1, 2, 3), dtype=np.int64) / pixels[0].size
    levels = np.arange(256.0) - means[:, None]
    tables = np.clip(
        np.rint(means[:, None] + levels * contrast[:, None] + brightness[:, None] * 255), 0, 255
    )
    changed = np.empty_like(pixels)
    for picture, table, result in zip(pixels, tables.astype(np.uint8), changed, strict=True):
        np.take(table, picture, out=result)
    return changed
