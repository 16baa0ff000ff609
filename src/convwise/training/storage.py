"""Files that are complete or not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convwise.errors import StorageError

_ASIDE = re.compile(r"\..+\.[0-9a-f]{8}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file aside, flush it to disk, rename it into place, and flush the folder.

    After a crash at any moment, of this process or of the machine, ``path`` holds all of the old
    content or all of the new one.

    Raises:
        StorageError: the disk is full or the folder cannot be written; what stood at ``path``
            before still stands, or already all of the new content, where only the folder could
            not be flushed. No half-written file is left.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write(aside, content)
        os.replace(aside, path)  # noqa: PTH105 - all that a write asks of the system is os's
        _flush_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error, len(content)) from None
    finally:
        # Also when a second Ctrl-C ends the write; after the rename there is nothing to remove.
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make a rename last; systems that are not POSIX have no such call, and need none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove what a process that was killed in :func:`write_atomically` has left aside.

    Raises:
        StorageError: the folder cannot be written.
    """
    for path in folder.glob(".*"):
        if _ASIDE.fullmatch(path.name):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(path, error, 0) from None


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

    Names that begin with a dot are left out: the lock, and what is only there for a moment.

    Raises:
        StorageError: the list could not be written.
    """
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files_below(folder)
        if path.name != name and not path.name.startswith(".")
    ]
    write_atomically(folder / name, "".join(lines).encode())
