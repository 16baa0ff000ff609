"""Pictures that the user gave to the lab: checked, decoded once, kept in memory, named by ids."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from convwise.data.decode import decode_picture, read_header
from convwise.errors import OptionError
from convwise.image import ImageFormat
from convwise.lab.places import UnknownIdError

MAX_BYTES = 16 * 1024 * 1024
MAX_PIXELS = 60_000_000
# A picture is kept no larger than this; it is looked at, and no network takes in more.
LONGEST_SIDE = 512
_KEPT = 32
# A large picture takes hundreds of megabytes while it is decoded.
_ONE_AT_A_TIME = Lock()


@dataclass
class Uploads:
    """The pictures given last; older ones are forgotten."""

    _pictures: OrderedDict[str, NDArray[np.uint8]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, content: bytes) -> str:
        """Decode a picture and return its id.

        Args:
            content: of a PNG, JPEG, WEBP, BMP, GIF or TIFF.

        Raises:
            OptionError: the file is too large.
            DecodeError: it cannot become pixels, or states too many of them.
        """
        if len(content) > MAX_BYTES:
            raise OptionError(
                f"a picture of {len(content):,} bytes; the lab takes up to"
                f" {MAX_BYTES // 2**20} MB: save it smaller"
            )
        return self.keep(decoded(content))

    def keep(self, pixels: NDArray[np.uint8]) -> str:
        """Keep pixels, uint8 (height, width, channels), and return their id."""
        handed = secrets.token_urlsafe(12)
        with self._lock:
            self._pictures[handed] = pixels
            while len(self._pictures) > _KEPT:
                self._pictures.popitem(last=False)
        return handed

    def pixels(self, handed: str) -> NDArray[np.uint8]:
        """Return a picture, uint8 (height, width, channels).

        Raises:
            UnknownIdError: there is none of that id, or it was forgotten.
        """
        with self._lock:
            found = self._pictures.get(handed)
        if found is None:
            raise UnknownIdError("the lab does not hold this picture any more; give it again")
        return found


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return a picture file as uint8 (height, width, 3), its longest side at most 512.

    Raises:
        DecodeError: it cannot become pixels, or states too many of them.
    """
    header = read_header(content)
    shrink = min(LONGEST_SIDE / max(header.width, header.height), 1)
    height, width = (max(round(side * shrink), 1) for side in (header.height, header.width))
    image = ImageFormat(height, width, 3, resize="stretch")
    with _ONE_AT_A_TIME:
        return decode_picture(content, image, MAX_PIXELS).pixels
