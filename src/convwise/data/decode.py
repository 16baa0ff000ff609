"""The one way from a picture file to pixels; training, prediction and the server share it."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from convwise.data.dataset import MAX_PIXELS, Header
from convwise.data.png_check import require_whole
from convwise.data.render import render, scaled_size
from convwise.data.store import DIGEST_BYTES
from convwise.data.traits import Kind
from convwise.data.whole_file import read_whole
from convwise.errors import DecodeError
from convwise.image import ImageFormat

__all__ = [
    "FORMATS",
    "Picture",
    "decode_image",
    "decode_picture",
    "read_header",
    "whole_digest",
    "why_unreadable",
]

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

# Pillow warns of odd metadata and of large pictures, on the terminal, without a file's name. The
# former is passed over as viewers do, the latter has a limit of its own here. A filter that comes
# and goes would not do: those of the warnings module are no threads' own.
warnings.filterwarnings("ignore", module=r"PIL\.")

_ORIENTATION_TAG = 0x0112
_WIDTH_TAG, _HEIGHT_TAG = 0x0100, 0x0101
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
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture and what was noticed about its file.

    Args:
        pixels: uint8, (height, width, channels) of the image format.
        width: columns of the upright picture before it was resized.
        height: rows of it.
        kinds: what is out of the ordinary about the file.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    kinds: Kind


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
    return decode_picture(source, image_format).pixels


def decode_picture(
    source: Path | str | bytes, image_format: ImageFormat, max_pixels: int = MAX_PIXELS
) -> Picture:
    """Decode one picture as :func:`decode_image` does, and tell what kind of file it was.

    Args:
        source: a path, or the bytes of a file.
        image_format: the size, channels and rules.
        max_pixels: a picture that states more than so many pixels is not decoded.

    Raises:
        DecodeError: as for :func:`decode_image`.
    """
    content = _content(source)
    try:
        with _opened(content, max_pixels) as image:
            kinds = _kinds(image)
            sideways = image.format in ("JPEG", "MPO") and _orientation(image) in _LIES_ON_ITS_SIDE
            size = image.size[::-1] if sideways else image.size
            if image.format in ("JPEG", "MPO"):
                wanted = scaled_size(size, image_format)
                image.draft(image.mode, wanted[::-1] if sideways else wanted)
            picture, turned = _upright(image, content)
            whole = size if image.format in ("JPEG", "MPO") else picture.size
            if turned:
                kinds |= Kind.ROTATED
            pixels, constant = render(picture, image_format, whole)
            if constant:
                kinds |= Kind.CONSTANT
            return Picture(pixels, *whole, kinds)
    except Exception as error:  # decoders of damaged files raise whatever they stumble on
        raise DecodeError(why_unreadable(error, content)) from error


def whole_digest(source: Path | str | bytes) -> bytes:
    """Return a digest of a picture's upright pixels at full size: equal for equal pictures.

    Files of different formats or modes that hold the same colours have the same digest.

    Raises:
        DecodeError: as for :func:`decode_image`.
    """
    content = _content(source)
    try:
        with _opened(content, MAX_PIXELS) as image:
            picture, _ = _upright(image, content)
            width, height = picture.size
            pixels, _ = render(picture, ImageFormat(height, width, 3))
    except Exception as error:  # see decode_picture
        raise DecodeError(why_unreadable(error, content)) from error
    shape = f"{height} {width}".encode()
    return hashlib.blake2b(pixels.data, digest_size=DIGEST_BYTES, key=shape).digest()


def _upright(image: Image.Image, content: bytes) -> tuple[Image.Image, bool]:
    """Load a picture and turn it upright; return it, and whether it had to be turned."""
    stated = _orientation(image) if image.format == "TIFF" else 1
    image.load()
    if image.format == "PNG":
        require_whole(content, image)
    # Only now: loading a TIFF turns it upright and drops the tag.
    turn = _UPRIGHT.get(_orientation(image))
    if turn is None:
        return image, stated in _UPRIGHT
    return image.transpose(turn), True


def _kinds(image: Image.Image) -> Kind:
    kinds = Kind(0)
    if image.mode in _GREY_MODES:
        kinds |= Kind.GREY
    if image.mode.startswith("I"):
        kinds |= Kind.SIXTEEN_BIT
    if image.mode == "CMYK":
        kinds |= Kind.CMYK
    if image.mode in ("P", "PA"):
        kinds |= Kind.PALETTE
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        kinds |= Kind.ALPHA
    if getattr(image, "is_animated", False):
        kinds |= Kind.ANIMATED
    return kinds


def read_header(source: Path | bytes) -> Header:
    """Read the upright size and whether the picture is grey, without decoding it.

    Raises:
        DecodeError: the file is no picture, or its header is damaged.
    """
    content = _content(source)
    try:
        with _opened(content, MAX_PIXELS) as image:
            width, height = image.size
            if isinstance(image, TiffImageFile):
                # Newer versions of Pillow tell a TIFF's size upright already; its tags never are.
                width, height = image.tag_v2[_WIDTH_TAG], image.tag_v2[_HEIGHT_TAG]
            # A PNG without EXIF before its pixels would be decoded in search of it.
            searchable = image.format != "PNG" or "exif" in image.info
            if searchable and _orientation(image) in _LIES_ON_ITS_SIDE:
                width, height = height, width
            return Header(width, height, image.mode in _GREY_MODES)
    except Exception as error:  # see decode_picture
        raise DecodeError(why_unreadable(error, content)) from error


def _content(source: Path | str | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return read_whole(Path(source))
    except OSError as error:
        raise DecodeError(why_unreadable(error)) from error


def _opened(content: bytes, max_pixels: int) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise DecodeError(
            f"{width} × {height} pixels are more than the {max_pixels:,} that are allowed"
        )
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF data beside sound pixels: viewers show these as they stand
        return 1


def why_unreadable(error: Exception, content: bytes = b"") -> str:
    """Return the reason, in plain words, why a file did not become pixels.

    Args:
        error: what reading or decoding it raised.
        content: what was read.
    """
    if isinstance(error, DecodeError):
        return error.reason
    if isinstance(error, UnidentifiedImageError):
        return _not_identified(content)
    if isinstance(error, Image.DecompressionBombError):
        return f"{_stated_pixels(error)} pixels are more than Pillow decodes"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    text = str(error).lower()
    if _is_short_webp(content):
        return "the file is cut off"
    if "truncated" in text or "eof" in text or "unexpected end" in text:
        return "the file is cut off"
    return f"the file is damaged ({str(error) or type(error).__name__})"


def _stated_pixels(error: Image.DecompressionBombError) -> str:
    stated = re.search(r"\d+", str(error))
    return f"{int(stated[0]):,}" if stated else "so many"


def _is_short_webp(content: bytes) -> bool:
    if not content.startswith(b"RIFF") or content[8:12] != b"WEBP":
        return False
    return int.from_bytes(content[4:8], "little") + 8 > len(content)


def _not_identified(content: bytes) -> str:
    if not content:
        return "the file is empty"
    for signature, name in _SIGNATURES.items():
        if content.startswith(signature) and (name != "WEBP" or content[8:12] == b"WEBP"):
            return f"the header of this {name} file is damaged or cut off"
    return "not a picture in PNG, JPEG, WEBP, BMP, GIF or TIFF format"
