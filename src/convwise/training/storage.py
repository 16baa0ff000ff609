"""Files that are complete or not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convwise.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file aside, flush it to disk and rename it into place.

    Raises:
        StorageError: the disk is full or the folder cannot be written; what stood at ``path``
            before still stands, and no half-written file is left.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except OSError as error:
        raise storage_error(path, error, len(content)) from None
    finally:
        # Also when a second Ctrl-C ends the write; after the rename there is nothing to remove.
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Add one line to a file.

    Raises:
        StorageError: the line could not be written.
    """
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError as error:
        raise storage_error(path, error, len(line) + 1) from None


def storage_error(path: Path, error: OSError, size: int) -> StorageError:
    """Return the error that says which file, how large, and why it could not be written."""
    reason = (error.strerror or str(error)).lower()
    return StorageError(
        f"cannot write {path} ({size:,} bytes): {reason}; free some space or choose another folder"
    )


def json_bytes(values: Any) -> bytes:
    """Return indented JSON text with a newline at its end; NaN is refused."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is no UTF-8 holds lone surrogates; \udc80 is how JSON itself writes them.
    return (text + "\n").encode("utf-8", "backslashreplace")


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, in a fixed order."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def write_checksums(folder: Path, name: str = "SHA256SUMS") -> None:
    """Write a list that ``sha256sum -c`` accepts, of every file below the folder.

    Raises:
        StorageError: the list could not be written.
    """
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files_below(folder)
        if path.name != name
    ]
    write_atomically(folder / name, "".join(lines).encode())
