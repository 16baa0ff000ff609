"""Numbers as pictures: colours, overlays, sheets of tiles, PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# From least to most: each colour is lighter than the one before, so that a picture also reads in
# grey.
_RISING = (
    (18, 22, 48),
    (28, 63, 110),
    (15, 112, 140),
    (72, 168, 156),
    (168, 215, 150),
    (250, 243, 184),
)
# From against over neither to for: equally dark at both ends, light in the middle.
_SIGNED = ((20, 92, 122), (122, 186, 205), (245, 245, 242), (236, 170, 92), (166, 76, 12))
# The same on a picture, where both ends have to stand out from black and from white.
_AGAINST, _FOR = (40, 150, 200), (240, 130, 20)
_MOST_OPAQUE = 0.85


def coloured(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return shares 0…1 as colours from dark to light.

    Args:
        shares: (height, width).

    Returns:
        uint8, (height, width, 3).

    Example:
        >>> coloured(np.array([[0.0, 1.0]])).tolist()
        [[[18, 22, 48], [250, 243, 184]]]
    """
    return _between(_RISING, np.clip(shares, 0, 1))


def signed(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return numbers as colours: blue below 0, orange above, pale at 0.

    Args:
        values: (height, width); the one farthest from 0 gets the full colour.

    Returns:
        uint8, (height, width, 3).
    """
    reach = float(np.abs(values).max()) or 1.0
    return _between(_SIGNED, (values / reach + 1) / 2)


def levels(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return numbers as grey levels, the least black and the largest white; equal ones black.

    Args:
        values: (height, width).

    Returns:
        uint8, (height, width, 1).
    """
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros(values.shape)
    made: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)[..., np.newaxis]
    return made


def in_colour(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture of 1 or 3 channels with 3, uint8, (height, width, 3)."""
    return np.broadcast_to(picture, (*picture.shape[:2], 3))


def laid_over(picture: NDArray[np.uint8], shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return a picture in grey with shares 0…1 over it: the larger, the more opaque.

    Args:
        picture: uint8, (height, width, 1 or 3).
        shares: (height, width).

    Returns:
        uint8, (height, width, 3).
    """
    grey = picture.mean(axis=2, keepdims=True)
    opaque = _MOST_OPAQUE * np.clip(shares, 0, 1)[..., np.newaxis]
    made: NDArray[np.uint8] = np.rint(grey * (1 - opaque) + coloured(shares) * opaque).astype(
        np.uint8
    )
    return made


def signed_over(picture: NDArray[np.uint8], values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return a picture in grey with numbers over it: blue below 0, orange above, clear at 0.

    Args:
        picture: uint8, (height, width, 1 or 3).
        values: (height, width); the one farthest from 0 gets the full colour.

    Returns:
        uint8, (height, width, 3).
    """
    reach = float(np.abs(values).max()) or 1.0
    opaque = _MOST_OPAQUE * (np.abs(values) / reach)[..., np.newaxis]
    ends = np.where(values[..., np.newaxis] < 0, _AGAINST, _FOR)
    grey = picture.mean(axis=2, keepdims=True)
    made: NDArray[np.uint8] = np.rint(grey * (1 - opaque) + ends * opaque).astype(np.uint8)
    return made


def enlarged(picture: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """Return a picture whose pixels are squares, so large that its longer side has ``least``.

    A picture that is as large already comes back as it is.
    """
    times = max(least // max(picture.shape[:2]), 1)
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def thumbnail(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return a picture whose longer side has at most so many pixels; a small one as it is.

    Args:
        picture: uint8, (height, width, 1 or 3).
        longest: pixels.
    """
    if max(picture.shape[:2]) <= longest:
        return picture
    grey = picture.shape[2] == 1
    small = Image.fromarray(np.ascontiguousarray(picture[:, :, 0] if grey else picture))
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    made = np.asarray(small, np.uint8)
    return made[:, :, np.newaxis] if grey else made


def sheet(
    tiles: Sequence[NDArray[np.uint8]], columns: int, gap: int = 1, ground: int = 255
) -> NDArray[np.uint8]:
    """Return tiles of one shape side by side, row below row.

    Args:
        tiles: at least one, uint8, (height, width, 1 or 3).
        columns: tiles in a row.
        gap: pixels between tiles.
        ground: level of what lies between them, and of places without a tile.

    Returns:
        uint8, (height, width, 3).
    """
    height, width = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    made = np.full(shape, ground, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = (place // columns) * (height + gap), (place % columns) * (width + gap)
        made[top : top + height, left : left + width] = tile
    return made


def png(picture: NDArray[np.uint8], least: int = 0) -> bytes:
    """Return a picture as a PNG file.

    Args:
        picture: uint8, (height, width, 1 or 3).
        least: a smaller picture is enlarged to about so many pixels, each a square.
    """
    large = enlarged(picture, least)
    plain = np.ascontiguousarray(large[:, :, 0] if large.shape[2] == 1 else large)
    file = io.BytesIO()
    Image.fromarray(plain).save(file, "PNG", optimize=True)
    return file.getvalue()


def _between(
    stops: Sequence[tuple[int, int, int]], shares: NDArray[np.floating]
) -> NDArray[np.uint8]:
    at = np.linspace(0, 1, len(stops))
    bands = [np.interp(shares, at, band) for band in np.array(stops, np.float64).T]
    return np.stack(bands, axis=-1).round().astype(np.uint8)
