"""The one way from a picture file to pixels; training, prediction and the server share it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from convwise.data.render import DecodeError, render, scaled_size
from convwise.image import ImageFormat

__all__ = ["FORMATS", "MAX_PIXELS", "DecodeError", "Header", "decode_image", "read_header"]

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS: Final = 100_000_000

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LIES_ON_ITS_SIDE = (5, 6, 7, 8)
_SIGNATURES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class Header:
    """What a file says about its picture before any pixel is decoded; sizes are upright."""

    width: int
    height: int
    grey: bool


def decode_image(source: Path | str | bytes, image_format: ImageFormat) -> NDArray[np.uint8]:
    """Decode one picture as the contract says.

    The picture is turned upright (EXIF orientation 1–8), laid on ``alpha_background`` where it is
    transparent, brought to 8 bits and to grey (ITU-R BT.601 luma) or colour, and resized by the
    format's rule with an antialiased bilinear filter. A picture that has the right size already
    keeps its exact pixels. Of an animation or a document, the first picture counts. A JPEG of at
    least twice the wanted size is decoded at a half, quarter or eighth of its size.

    Args:
        source: a path, or the bytes of a file.
        image_format: the size, channels and rules.

    Returns:
        uint8, (height, width, channels).

    Raises:
        DecodeError: no PNG, JPEG, WEBP, BMP, GIF or TIFF; damaged or cut off; above 100 million
            pixels; or pixels without an agreed range (floating point).

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (8, 4), "white").save(file, "PNG")
        >>> decode_image(file.getvalue(), ImageFormat(4, 4, 1))[:, 0, 0].tolist()
        [0, 255, 255, 0]
    """
    try:
        with _opened(source) as image:
            sideways = image.format in ("JPEG", "MPO") and _orientation(image) in _LIES_ON_ITS_SIDE
            size = image.size[::-1] if sideways else image.size
            if image.format in ("JPEG", "MPO"):
                wanted = scaled_size(size, image_format)
                image.draft(image.mode, wanted[::-1] if sideways else wanted)
            image.load()
            # Only now: loading a TIFF turns it upright and drops the tag.
            turn = _UPRIGHT.get(_orientation(image))
            picture = image.transpose(turn) if turn is not None else image
            whole = size if image.format in ("JPEG", "MPO") else picture.size
            return render(picture, image_format, whole)
    except DecodeError:
        raise
    except Exception as error:  # decoders of damaged files raise whatever they stumble on
        raise DecodeError(_reason(error, source)) from error


def read_header(path: Path) -> Header:
    """Read the upright size and whether the picture is grey, without decoding it.

    Raises:
        DecodeError: the file is no picture, or its header is damaged.
    """
    try:
        with _opened(path) as image:
            width, height = image.size
            # A PNG without EXIF before its pixels would be decoded in search of it.
            searchable = image.format != "PNG" or "exif" in image.info
            if searchable and _orientation(image) in _LIES_ON_ITS_SIDE:
                width, height = height, width
            return Header(width, height, image.mode in _GREY_MODES)
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(_reason(error, path)) from error


def _opened(source: Path | str | bytes) -> Image.Image:
    image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DecodeError(_too_large(image.size))
    return image


def _too_large(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]} pixels are more than the 100 million that are allowed"


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF data beside sound pixels: viewers show these as they stand
        return 1


def _reason(error: Exception, source: Path | str | bytes) -> str:
    if isinstance(error, UnidentifiedImageError):
        return _not_identified(source)
    if isinstance(error, Image.DecompressionBombError):
        return "more than the 100 million pixels that are allowed"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    text = str(error).lower()
    if "truncated" in text or "eof" in text or "unexpected end" in text:
        return "the file is cut off"
    return f"the file is damaged ({str(error) or type(error).__name__})"


def _not_identified(source: Path | str | bytes) -> str:
    if isinstance(source, bytes):
        head = source[:16]
    else:
        with Path(source).open("rb") as file:
            head = file.read(16)
    if not head:
        return "the file is empty"
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature) and (name != "WEBP" or head[8:12] == b"WEBP"):
            return f"the header of this {name} file is damaged or cut off"
    return "not a picture in PNG, JPEG, WEBP, BMP, GIF or TIFF format"
