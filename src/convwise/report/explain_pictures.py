"""The pictures of an explanation's page: as small as they are shown."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.explain.pictures import thumbnail
from convwise.report.pictures import png_data_uri

# Up to here a page shows pixels as squares.
PIXELATED = 96
# A photograph of fewer pixels is no smaller as JPEG.
_SMALL = 1024
_QUALITY = 85


@dataclass(frozen=True)
class Shot:
    """A picture as the page shows it.

    Args:
        uri: a data URI.
        words: what is seen, for who cannot see it.
        pixelated: whether its pixels are to be squares.
    """

    uri: str
    words: str
    pixelated: bool


def shot(pixels: NDArray[np.uint8], words: str, longest: int = 320) -> Shot:
    """Return a drawing; it keeps its exact colours.

    Args:
        pixels: uint8, (height, width, 1 or 3).
        words: what is seen.
        longest: pixels of its longer side; a larger one is made smaller.
    """
    small = thumbnail(pixels, longest)
    return Shot(png_data_uri(small), words, max(small.shape[:2]) <= PIXELATED)


def photo(pixels: NDArray[np.uint8], words: str, longest: int = 160) -> Shot:
    """Return a picture; one in colour that is no icon is written as JPEG.

    Args:
        pixels: uint8, (height, width, 1 or 3).
        words: what is seen.
        longest: pixels of its longer side; a larger one is made smaller.
    """
    small = thumbnail(pixels, longest)
    if small.shape[2] == 1 or small.shape[0] * small.shape[1] <= _SMALL:
        return shot(small, words, longest)
    file = io.BytesIO()
    Image.fromarray(small).save(file, "JPEG", quality=_QUALITY)
    uri = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    return Shot(uri, words, max(small.shape[:2]) <= PIXELATED)
