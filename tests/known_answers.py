"""Pictures whose explanation is known."""

from __future__ import annotations

from typing import Any

import numpy as np


def with_square(row: int, column: int, side: int = 12) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a black picture with a white 3×3 square around a pixel."""
    picture = np.zeros((side, side), np.uint8)
    picture[row - 1 : row + 2, column - 1 : column + 2] = 255
    return picture
