"""The picture that a design's page draws on: a boot of the images that come with convwise."""

from __future__ import annotations

import gzip

import numpy as np
import numpy.typing as npt
from PIL import Image

from convwise.data.catalogue import EMBEDDED_FOLDER
from convwise.report.pictures import LONGEST_SIDE

# The 40th test image of Fashion-MNIST's small extract: a boot that fills its frame.
_PLACE = 39
_HEADER, _SIDE = 16, 28


def example_picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return the boot as an image of these proportions, black around it where they are no square.

    Args:
        height: of the design's image, in pixels.
        width: likewise.

    Returns:
        uint8, (height, width, 1); an image larger than the page shows comes out smaller.

    Example:
        >>> example_picture(28, 40).shape
        (28, 40, 1)
    """
    shrink = min(LONGEST_SIDE / max(height, width), 1)
    height, width = max(round(height * shrink), 1), max(round(width * shrink), 1)
    side = min(height, width)
    boot = _boot()
    if side != _SIDE:
        picture = Image.fromarray(boot).resize((side, side), Image.Resampling.BICUBIC)
        boot = np.asarray(picture)
    ground = np.zeros((height, width), np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    ground[top : top + side, left : left + side] = boot
    return ground[:, :, np.newaxis]


def _boot() -> npt.NDArray[np.uint8]:
    size = _SIDE * _SIDE
    with gzip.open(EMBEDDED_FOLDER / "fashion-mini-test-images.gz") as file:
        values = file.read(_HEADER + (_PLACE + 1) * size)[-size:]
    return np.frombuffer(values, np.uint8).reshape(_SIDE, _SIDE)
