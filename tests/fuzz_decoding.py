"""Decode damaged image files by the hundred thousand: no death, no foreign exception, no growth.

    python tests/fuzz_decoding.py --mutations 200000

Each mutation is a function of the seed and its number, so that whatever is found can be repeated
with ``--only NUMBER``.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from PIL import Image

import fuzzing
from convwise.data.decode import decode_picture, read_header, whole_digest
from convwise.errors import DecodeError
from convwise.image import ImageFormat
from damage import BLIND, Bytes, Numbers

FORMATS = (ImageFormat(24, 32, 3), ImageFormat(16, 16, 1, resize="crop"))


@cache
def corpus() -> tuple[tuple[str, bytes], ...]:
    """Return (format, content) of sound files: the modes, packings and extras of six formats."""
    numbers = np.random.default_rng(1)
    smooth = np.indices((24, 32)).sum(axis=0)[..., None] * np.array([3, 5, 7]) % 256
    noisy = (smooth + numbers.integers(0, 24, smooth.shape)).astype(np.uint8)
    colour = Image.fromarray(noisy)
    grey, palette = colour.convert("L"), colour.quantize(32)
    clear = colour.copy()
    clear.putalpha(grey)
    deep = Image.fromarray((np.asarray(grey, np.uint16) * 257).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    film = {"save_all": True, "append_images": [colour.rotate(9), colour.rotate(60)]}
    small_film = {"save_all": True, "append_images": [palette.rotate(90)]}
    kinds: dict[str, list[tuple[Image.Image, dict[str, Any]]]] = {
        "PNG": [
            *((image, {}) for image in (colour, grey, clear, deep, grey.convert("1"))),
            (palette, {"transparency": 3}),
            (colour, {"exif": exif, "dpi": (72, 72)}),
            (clear, {**film, "default_image": False}),
        ],
        "JPEG": [
            (colour, {}),
            (grey, {}),
            (colour, {"progressive": True, "exif": exif}),
            (colour.convert("CMYK"), {}),
            (colour.resize((256, 192)), {"optimize": True, "restart_marker_rows": 2}),
        ],
        "WEBP": [
            (colour, {}),
            (clear, {"lossless": True, "exif": exif}),
            (colour, film),
        ],
        "BMP": [(image, {}) for image in (colour, grey, palette, clear, grey.convert("1"))],
        "GIF": [(palette, {"transparency": 3}), (grey, {}), (palette, small_film)],
        "TIFF": [
            *((image, {}) for image in (colour, grey, deep, clear)),
            *((colour, {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate")),
            *((colour, {"compression": name}) for name in ("jpeg", "packbits")),
            (grey.convert("1"), {"compression": "group4"}),
            (colour, film),
            (colour, {"exif": exif}),
        ],
    }
    return tuple(
        (kind, _saved(image, kind, options))
        for kind, pictures in kinds.items()
        for image, options in pictures
    )


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _splice(content: Bytes, numbers: Numbers) -> Bytes:
    _, other = corpus()[int(numbers.integers(len(corpus())))]
    half = int(numbers.integers(len(content)))
    return content[:half] + Bytes(other)[int(numbers.integers(len(other))) :]


WAYS: tuple[Callable[[Bytes, Numbers], Bytes], ...] = (*BLIND, _splice)


def _with_right_checksums(content: Bytes) -> Bytes:
    """Mend the checksums of a PNG's chunks: otherwise nothing behind them is ever reached."""
    place = 8
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        end = place + 8 + size
        if end + 4 > len(content):
            break
        struct.pack_into(">I", content, end, zlib.crc32(content[place + 4 : end]))
        place = end + 4
    return content


def mutated(seed: int, number: int) -> tuple[str, bytes]:
    """Return the format and content of one damaged file."""
    numbers = np.random.default_rng([seed, number])
    kind, sound = corpus()[number % len(corpus())]
    content = Bytes(sound)
    for _ in range(int(numbers.integers(1, 4))):
        if content:
            content = WAYS[int(numbers.integers(len(WAYS)))](content, numbers)
    if kind == "PNG" and numbers.random() < 0.7:
        content = _with_right_checksums(content)
    return kind, bytes(content)


def outcome(content: bytes) -> str:
    """Read a file in every way there is; return ``decoded`` or ``refused``.

    Any exception but :class:`DecodeError` goes through, and so does a reading that was promised
    and is not given.
    """
    results = []
    for read in (
        lambda: decode_picture(content, FORMATS[0]).pixels.shape == FORMATS[0].shape,
        lambda: decode_picture(content, FORMATS[1]).pixels.shape == FORMATS[1].shape,
        lambda: read_header(content).width > 0,
    ):
        try:
            if not read():
                raise AssertionError("what was read is not what was asked for")
            results.append("decoded")
        except DecodeError as error:
            if not error.reason or "\n" in error.reason:
                raise AssertionError(f"the reason is {error.reason!r}") from error
            results.append("refused")
    if results[0] == "decoded":
        whole_digest(content)
    return results[0]


def try_one(seed: int, number: int) -> str:
    """Make a mutation and read it."""
    kind, content = mutated(seed, number)
    try:
        return f"{kind} {outcome(content)}"
    except DecodeError:
        return f"{kind} decoded, but too large for a digest"


def work(seed: int, first: int, last: int, step: int, pipe: Connection) -> None:
    """Read mutations in a process of its own."""
    fuzzing.each_tried(try_one, seed, range(first, last, step), pipe)


if __name__ == "__main__":
    sys.exit(fuzzing.command(__doc__, work, try_one, 200_000))
