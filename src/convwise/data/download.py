"""Fetching the files of a named data set; only ever called when the user asked for it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from convwise.errors import DataError

_TIMEOUT_SECONDS = 30
_BLOCK = 1 << 20
_MAX_BYTES = 1 << 28


def fetch(base_url: str, md5_of: Mapping[str, str], folder: Path) -> None:
    """Fetch files into a folder; each one appears there complete and checked, or not at all.

    Args:
        base_url: where the files are, ending in a slash.
        md5_of: file name → published MD5.
        folder: made if missing; files that are there already are kept.

    Raises:
        DataError: a file cannot be fetched or written, or its MD5 is another one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, md5 in md5_of.items():
            if not (folder / name).exists():
                _fetch_one(base_url + name, md5, folder / name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to: {error.strerror or error}") from error


def _fetch_one(url: str, md5: str, target: Path) -> None:
    handle, aside_name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    aside = Path(aside_name)
    try:
        with os.fdopen(handle, "wb") as file:
            for block in _blocks(url):
                file.write(block)
        # MD5 finds damage; against forgery, the content's SHA-256 is checked at each reading.
        found = hashlib.md5(aside.read_bytes(), usedforsecurity=False).hexdigest()
        if found != md5:
            raise DataError(
                f"{url} arrived damaged: its MD5 is {found}, published is {md5}; try again"
            )
        aside.chmod(0o644)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _blocks(url: str) -> Iterator[bytes]:
    received = 0
    try:
        with urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            while block := response.read(_BLOCK):
                received += len(block)
                if received > _MAX_BYTES:
                    raise DataError(f"{url} sends more than {_MAX_BYTES >> 20} MiB; stopped")
                yield block
    except (OSError, HTTPException) as error:
        raise DataError(
            f"{url} cannot be fetched: {error}; check the network, or copy the files yourself "
            "and pass --data-dir DIR"
        ) from error
