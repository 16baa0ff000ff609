"""Pictures to look at without giving one: clothes that come with convwise, and plain shapes."""

from __future__ import annotations

import gzip
from functools import cache

import numpy as np
from numpy.typing import NDArray

from convwise.data.catalogue import EMBEDDED_FOLDER
from convwise.errors import OptionError

_HEADER, _SIDE = 16, 28
# Places of test images of Fashion-MNIST's small extract that fill their frame.
_CLOTHES = {"boot": 39}
_SHAPES = ("square", "circle", "stripes")


def names() -> tuple[str, ...]:
    """Return the names of the samples."""
    return (*_CLOTHES, *_SHAPES)


def sample(name: str) -> NDArray[np.uint8]:
    """Return a sample, uint8 (28, 28, 1).

    Raises:
        OptionError: there is none of that name.

    Example:
        >>> sample("circle").shape
        (28, 28, 1)
    """
    if name in _CLOTHES:
        worn: NDArray[np.uint8] = _clothes()[_CLOTHES[name]][:, :, np.newaxis]
        return worn
    if name not in _SHAPES:
        raise OptionError(f"{name[:40]!r} is no sample; known are {', '.join(names())}")
    y, x = np.mgrid[:_SIDE, :_SIDE]
    drawn = {
        "square": (abs(x - 13.5) < 8) & (abs(y - 13.5) < 8),
        "circle": (x - 13.5) ** 2 + (y - 13.5) ** 2 < 81,
        "stripes": (x + y) // 4 % 2 == 0,
    }[name]
    picture: NDArray[np.uint8] = (drawn * 255).astype(np.uint8)[:, :, np.newaxis]
    return picture


@cache
def _clothes() -> NDArray[np.uint8]:
    with gzip.open(EMBEDDED_FOLDER / "fashion-mini-test-images.gz") as file:
        content = file.read()[_HEADER:]
    return np.frombuffer(content, np.uint8).reshape(-1, _SIDE, _SIDE)
