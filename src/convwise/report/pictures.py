"""Pixels as a PNG that stands inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from convwise.errors import DataError

# A card of the gallery is at most this wide on a screen with two dots a pixel.
LONGEST_SIDE = 320


def png_data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """Return a picture as ``data:image/png;base64,…``.

    A picture larger than the page shows it is made smaller; a small one keeps its pixels.

    Args:
        pixels: uint8 (height, width, channels) with 1 or 3 channels.

    Raises:
        DataError: the array is of another kind.

    Example:
        >>> png_data_uri(np.zeros((2, 2, 1), np.uint8))[:22]
        'data:image/png;base64,'
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise DataError(
            f"a picture of type {pixels.dtype} and shape {pixels.shape}; "
            "give uint8 (height, width, channels) with 1 or 3 channels"
        )
    if 0 in pixels.shape:
        raise DataError(f"a picture of shape {pixels.shape} has no pixels; leave it out")
    plain = np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    picture = Image.fromarray(plain)
    if max(picture.size) > LONGEST_SIDE:
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
