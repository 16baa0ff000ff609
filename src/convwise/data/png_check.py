"""Damage to a PNG that its decoder passes over in silence."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from convwise.errors import DecodeError

_SIGNATURE_BYTES = 8
_UNPACKED_AT_ONCE = 1 << 20
_HEADER = struct.Struct(">IIBBBBB")
_VALUES_A_PIXEL = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Of each pass of an interlaced picture: first column and row, then the steps between them
# (PNG specification, third edition, section 8.1).
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)


def require_whole(content: bytes, picture: Image.Image) -> None:
    """Check what Pillow does not: the checksums of the pixels' chunks, and that no row is missing.

    A flipped bit in the compressed pixels is often decoded to noise, and rows that the file does
    not have are left black; both without an error.

    Args:
        content: of the file.
        picture: decoded from it, and not turned yet.

    Raises:
        DecodeError: the pixels are not those that were saved.

    Example:
        >>> import io
        >>> file, picture = io.BytesIO(), Image.new("L", (8, 4), 7)
        >>> picture.save(file, "PNG")
        >>> damaged = bytearray(file.getvalue())
        >>> damaged[damaged.index(b"IDAT") + 9] ^= 4
        >>> require_whole(bytes(damaged), picture)
        Traceback (most recent call last):
            ...
        convwise.errors.DecodeError: the file is damaged (a checksum of its pixels is wrong)
    """
    packed = []
    for kind, body, checksum in _chunks(content):
        if kind != b"IDAT":
            continue
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise DecodeError("the file is damaged (a checksum of its pixels is wrong)")
        packed.append(body)
    header = _HEADER.unpack_from(content, _SIGNATURE_BYTES + 8)
    # Only then may rows be missing; it spares most files a second decompression.
    interlaced = header[6] == 1
    suspicious = interlaced or not any(_last_row(picture))
    if suspicious and not _unpacks_to(packed, _expected(header)):
        raise DecodeError("the file is cut off (rows of its pixels are missing)")


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    view, place = memoryview(content), _SIGNATURE_BYTES
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        body = view[place + 8 : place + 8 + size]
        end = place + 8 + size
        if end + 4 > len(content):
            return
        yield content[place + 4 : place + 8], body, struct.unpack_from(">I", content, end)[0]
        place = end + 4


def _last_row(picture: Image.Image) -> bytes:
    width, height = picture.size
    return picture.crop((0, height - 1, width, height)).tobytes()


def _unpacks_to(packed: list[memoryview], wanted: int) -> bool:
    """Say whether the pixels' chunks unpack to so many bytes; no more than these are unpacked."""
    unpacker, total = zlib.decompressobj(), 0
    for body in packed:
        rest: bytes | memoryview = body
        while len(rest) and not unpacker.eof and total < wanted:
            total += len(unpacker.decompress(rest, _UNPACKED_AT_ONCE))
            rest = unpacker.unconsumed_tail
    return total + (0 if total >= wanted else len(unpacker.flush())) >= wanted


def _expected(header: tuple[int, ...]) -> int:
    width, height, depth, colour, _, _, interlaced = header
    bits = depth * _VALUES_A_PIXEL[colour]
    total = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        # A pass without columns has no rows either; each row begins with its filter.
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total
