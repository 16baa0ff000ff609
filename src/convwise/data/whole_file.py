"""A file's content, if it is a file and not more than memory should hold."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from convwise.errors import DecodeError

MAX_FILE_BYTES = 1 << 30


def read_whole(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: it cannot be read.
        DecodeError: it is a pipe or a device, which may never end, or larger than 1 GiB.

    Example:
        >>> read_whole(Path("/dev/zero"))
        Traceback (most recent call last):
            ...
        convwise.errors.DecodeError: not a regular file
    """
    # Opening a pipe would wait for somebody to write to it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise DecodeError("not a regular file")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            raise DecodeError(f"the file is larger than {MAX_FILE_BYTES >> 30} GiB")
        return file.read()
