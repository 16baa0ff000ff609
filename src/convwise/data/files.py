"""Pictures that come as files, one picture a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convwise.data.dataset import MAX_PIXELS, Allocate, Header, Progress, Reading, in_memory
from convwise.data.decode import read_header, whole_digest, why_unreadable
from convwise.data.pool import decode_all
from convwise.data.whole_file import read_whole
from convwise.errors import DecodeError
from convwise.image import ImageFormat

ReadFile = Callable[[], bytes]


class Origin(Protocol):
    """Where picture files lie: a folder, an archive, a table that holds them."""

    @property
    def path(self) -> Path:
        """The folder or file that messages name."""

    def read(self, name: str) -> bytes:
        """Return the content of one file.

        Raises:
            OSError: it cannot be read.
            DecodeError: it cannot be had for another reason.
        """

    def readers(self, names: Sequence[str]) -> Iterator[tuple[int, ReadFile]]:
        """Yield (position in ``names``, a function that reads it), in the quickest order.

        The functions are called from any thread, not long after they were yielded.
        """

    def state(self, names: Sequence[str]) -> bytes:
        """Return what differs when the content of one of these files may have changed.

        Raises:
            OSError: it cannot be known.
        """


@dataclass(frozen=True)
class Folder:
    """Files below a folder.

    Args:
        path: the folder.
    """

    path: Path

    def read(self, name: str) -> bytes:
        """Return the content of the file at this path, relative to the folder."""
        return read_whole(self.path / name)

    def readers(self, names: Sequence[str]) -> Iterator[tuple[int, ReadFile]]:
        """Yield a reader for each file, in order."""
        for place, name in enumerate(names):
            yield place, partial(self.read, name)

    def state(self, names: Sequence[str]) -> bytes:
        """Return a digest of each file's size, inode and times of change."""
        folder = os.fspath(self.path)
        digest = hashlib.blake2b()
        for name in names:
            digest.update(file_state(os.path.join(folder, name)))  # noqa: PTH118 - a Path is slow
        return digest.digest()


@dataclass(frozen=True, eq=False)
class FileSamples:
    """Labelled picture files; see :class:`convwise.data.dataset.Samples`.

    Args:
        origin: where they lie.
        paths: n paths in it.
        labels: int64, (n,).
    """

    origin: Origin
    paths: tuple[str, ...]
    labels: NDArray[np.int64]

    @property
    def ids(self) -> tuple[str, ...]:
        """Paths with forward slashes, as text that can always be written."""
        return tuple(printable(path) for path in self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def decode(
        self,
        image_format: ImageFormat,
        *,
        allocate: Allocate = in_memory,
        max_pixels: int = MAX_PIXELS,
        on_progress: Progress | None = None,
    ) -> Reading:
        """Decode all files; those that cannot be read get a reason."""
        return decode_all(
            self.origin.readers(self.paths),
            allocate((len(self), *image_format.shape)),
            image_format,
            max_pixels=max_pixels,
            on_progress=on_progress,
        )

    def state(self) -> bytes | None:
        """Return a digest of the names and of what the origin says of the files."""
        digest = hashlib.blake2b(digest_size=32)
        for path in self.paths:
            digest.update(os.fsencode(path) + b"\0")
        try:
            digest.update(self.origin.state(self.paths))
        except OSError:
            return None
        return digest.digest()

    def whole_digest(self, position: int) -> bytes:
        """Return a digest of the picture at full size; see ``Samples``."""
        try:
            return whole_digest(self.origin.read(self.paths[position]))
        except OSError as error:
            raise DecodeError(why_unreadable(error)) from error

    def header(self, position: int) -> Header:
        """Return the picture's size; see ``Samples``."""
        try:
            return read_header(self.origin.read(self.paths[position]))
        except OSError as error:
            raise DecodeError(why_unreadable(error)) from error


def file_state(path: str | Path) -> bytes:
    """Return a file's size, inode and times; the last change of these cannot be set by hand.

    A file that is not there has a state of its own: it may come back.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        facts = os.stat(path)  # noqa: PTH116 - a Path a file is slow
    except (FileNotFoundError, NotADirectoryError):
        return b"none "
    return f"{facts.st_size} {facts.st_ino} {facts.st_mtime_ns} {facts.st_ctime_ns} ".encode()


def printable(path: str) -> str:
    """Return a path as text that any JSON or CSV file can hold, even if its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
