"""An object on a canvas: a whole picture that is moved about, on the level of its own border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.data.arrays import resized
from convwise.errors import DataError
from convwise.image import ImageFormat

# Levels by which a pixel must differ from the border to be part of the object.
_CONTENT = 24

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """An object.

    Args:
        pixels: uint8 (height, width, channels).
        background: the level of each channel along its border.
        box: (top, left, bottom, right) of what differs from that; the whole where nothing does.
    """

    pixels: Pixels
    background: tuple[int, ...]
    box: tuple[int, int, int, int]

    @classmethod
    def of(cls, pixels: Pixels) -> Picture:
        """Look at a picture.

        Example:
            >>> pixels = np.zeros((5, 5, 1), np.uint8); pixels[1:4, 2] = 255
            >>> Picture.of(pixels).background, Picture.of(pixels).box
            ((0,), (1, 2, 4, 3))
        """
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        background = np.median(border, axis=0).round().astype(np.uint8)
        content = (np.abs(pixels.astype(np.int16) - background) >= _CONTENT).any(axis=2)
        rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
        box = (0, 0, *pixels.shape[:2])
        if len(rows):
            box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        return cls(pixels, tuple(background.tolist()), box)

    def on_canvas(self, height: int, width: int, top: int, left: int) -> Pixels:
        """Return a canvas with the picture at a place; what lies outside is cut off.

        Example:
            >>> picture = Picture.of(np.full((1, 1, 1), 7, np.uint8))
            >>> picture.on_canvas(1, 2, 0, 1)[0, :, 0].tolist()
            [7, 7]
        """
        canvas = np.empty((height, width, len(self.background)), np.uint8)
        canvas[:] = self.background
        rows, columns = self.pixels.shape[:2]
        above, before = max(top, 0), max(left, 0)
        below, behind = min(top + rows, height), min(left + columns, width)
        if below > above and behind > before:
            part = self.pixels[above - top : below - top, before - left : behind - left]
            canvas[above:below, before:behind] = part
        return canvas

    def places(self, height: int, width: int, most: int) -> tuple[list[int], list[int]]:
        """Return the tops and lefts at which the whole object lies on a canvas.

        Args:
            height: of the canvas.
            width: of the canvas.
            most: places at most; then they are as far apart as needed, the outermost among them.

        Example:
            >>> Picture.of(np.zeros((3, 3, 1), np.uint8)).places(5, 3, 100)
            ([0, 1, 2], [0])
        """
        top, left, bottom, right = self.box
        spans = [(-top, height - bottom), (-left, width - right)]
        side = max(2, int(np.sqrt(most)))
        return _steps(*spans[0], side), _steps(*spans[1], side)


def _steps(first: int, last: int, most: int) -> list[int]:
    """Return places from the first to the last; the middle where the object has no room."""
    if last < first:
        return [(first + last) // 2]
    if last - first < most:
        return list(range(first, last + 1))
    return sorted({round(place) for place in np.linspace(first, last, most).tolist()})


def fitted(pixels: Pixels, height: int, width: int, channels: int) -> Pixels:
    """Return a picture, whole and in its proportions, that fits into so many pixels.

    Args:
        pixels: uint8 (height, width, channels).
        height: rows that it may take.
        width: columns that it may take.
        channels: 1 or 3 that it gets.

    Example:
        >>> fitted(np.zeros((40, 20, 3), np.uint8), 10, 10, 1).shape
        (10, 5, 1)
    """
    rows, columns = pixels.shape[:2]
    scale = min(height / rows, width / columns)
    size = max(1, round(rows * scale)), max(1, round(columns * scale))
    image = ImageFormat(*size, channels, resize="stretch")
    made: Pixels = resized(pixels[np.newaxis], image)[0]
    return made


def from_bytes(content: bytes, height: int, width: int, channels: int) -> Pixels:
    """Return pixels as the page sends them: row by row, the channels of a pixel together.

    Raises:
        DataError: there are more or fewer.
    """
    wanted = height * width * channels
    if len(content) != wanted:
        raise DataError(
            f"{len(content):,} bytes came, an image of {height}×{width}×{channels} has {wanted:,};"
            " open the page anew"
        )
    return np.frombuffer(content, np.uint8).reshape(height, width, channels)


def in_channels(pixels: Pixels, channels: int) -> Pixels:
    """Return a batch of pictures in grey or colour; as decoding does it.

    Args:
        pixels: uint8 (images, height, width, 1 or 3).
        channels: 1 or 3.
    """
    if pixels.shape[3] == channels:
        return np.ascontiguousarray(pixels)
    height, width = pixels.shape[1:3]
    return resized(pixels, ImageFormat(height, width, channels))
