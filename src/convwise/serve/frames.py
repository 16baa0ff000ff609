"""What the server and a decoder say to each other: frames of JSON and bytes, nothing that runs.

A frame is four bytes with the length of a JSON text, big-endian, the text, and what it announces.

    to a decoder     {"format": …, "max_pixels": n, "sizes": [bytes, …]}     the files
    from a decoder   {"reasons": [null, "the file is empty", …]}             pixels, where null
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

LENGTH = struct.Struct(">I")
MOST_TEXT = 1 << 20


def pack(told: dict[str, Any], content: Sequence[bytes] = ()) -> bytes:
    """Return a frame.

    Example:
        >>> pack({"sizes": [1, 2]}, [b"a", b"bc"])
        b'\\x00\\x00\\x00\\x11{"sizes": [1, 2]}abc'
    """
    text = json.dumps(told).encode()
    return b"".join([LENGTH.pack(len(text)), text, *content])


def unpack(text: bytes) -> dict[str, Any]:
    """Return what a frame tells.

    Raises:
        ValueError: it is no JSON object.
    """
    told = json.loads(text)
    if not isinstance(told, dict):
        raise ValueError("a frame tells no JSON object")
    return told
