"""Pixels as a picture that stands inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from convwise.errors import DataError

# A card of the gallery is at most this wide on a screen with two dots a pixel.
LONGEST_SIDE = 320
# Up to here the eye is helped more by the true pixels than by smoothing between them.
PIXELATED_SIDE = 96
_WEBP_QUALITY = 82


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
    return _encoded(_reduced(_image(pixels), LONGEST_SIDE), "png")


def picture_data_uri(pixels: npt.NDArray[np.uint8], longest: int = LONGEST_SIDE) -> str:
    """Return a picture as a data URI: a small one to the pixel, a large one as lossy WebP.

    Args:
        pixels: uint8 (height, width, channels) with 1 or 3 channels.
        longest: a larger picture is made so small that no side is longer.

    Raises:
        DataError: the array is of another kind.

    Example:
        >>> picture_data_uri(np.zeros((200, 200, 1), np.uint8))[:23]
        'data:image/webp;base64,'
    """
    small = is_pixelated(pixels)
    return _encoded(_reduced(_image(pixels), longest), "png" if small else "webp")


def is_pixelated(pixels: npt.NDArray[np.uint8]) -> bool:
    """Return whether a picture is so small that its pixels should be seen."""
    return bool(max(pixels.shape[:2]) <= PIXELATED_SIDE)


def _image(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise DataError(
            f"a picture of type {pixels.dtype} and shape {pixels.shape}; "
            "give uint8 (height, width, channels) with 1 or 3 channels"
        )
    if 0 in pixels.shape:
        raise DataError(f"a picture of shape {pixels.shape} has no pixels; leave it out")
    return Image.fromarray(
        np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    )


def _reduced(picture: Image.Image, longest: int) -> Image.Image:
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return picture


def _encoded(picture: Image.Image, kind: str) -> str:
    file = io.BytesIO()
    if kind == "png":
        picture.save(file, "PNG", optimize=True)
    else:
        picture.save(file, "WEBP", quality=_WEBP_QUALITY)
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode("ascii")
