"""A decoder: a process that turns picture files into pixels, and may die of one.

Started as ``python -m convwise.serve.decoder BYTES``. It has no network, writes no file, and takes
at most so many bytes beyond what it needs itself. Only ``convwise.data.decode`` decodes, here as
everywhere. It ends when its input does, that is with the server.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from convwise.data.decode import decode_picture
from convwise.errors import DecodeError
from convwise.image import ImageFormat
from convwise.serve.frames import LENGTH, pack, unpack

READY = {"ready": True}


def main(arguments: Sequence[str]) -> int:
    """Decode until there is no more input."""
    # Ctrl-C and SIGTERM go to the whole group; the server still needs its decoders while it drains.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    incoming, outgoing = _own_pipes()
    confine(int(arguments[0]))
    outgoing.write(pack(READY))
    outgoing.flush()
    while decode_frame(incoming, outgoing):
        pass
    return 0


def decode_frame(incoming: BinaryIO, outgoing: BinaryIO) -> bool:
    """Answer one frame; return whether there was one."""
    start = incoming.read(LENGTH.size)
    if len(start) < LENGTH.size:
        return False
    told = unpack(incoming.read(LENGTH.unpack(start)[0]))
    image_format = ImageFormat.from_dict(told["format"])
    reasons: list[str | None] = []
    pixels: list[bytes] = []
    for size in told["sizes"]:
        content = incoming.read(size)
        try:
            picture = decode_picture(content, image_format, told["max_pixels"])
        except DecodeError as error:
            reasons.append(_reason(error))
        else:
            reasons.append(None)
            pixels.append(np.ascontiguousarray(picture.pixels).tobytes())
    outgoing.write(pack({"reasons": reasons}, pixels))
    outgoing.flush()
    return True


def confine(allowance: int) -> None:
    """Let this process take so many bytes more, write no file and leave no core.

    Where the system knows no such limits, nothing happens.
    """
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return
    most = pages * resource.getpagesize() + allowance
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _reason(error: DecodeError) -> str:
    if isinstance(error.__cause__, MemoryError):
        return "the picture needs more memory than decoding may take"
    return error.reason


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return input and output for frames; what a library prints goes to standard error."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return incoming, outgoing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
