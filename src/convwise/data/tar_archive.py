"""Tar archives, plain or compressed; what counts is where each member lies in the stream."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from convwise.data.archive import (
    IRREGULAR,
    LINK,
    MAX_RATIO,
    SMALL_BYTES,
    Members,
    damaged,
    size_trouble,
)
from convwise.data.files import ReadFile, file_state
from convwise.errors import DataError, DecodeError

_BLOCK = 1 << 20
_LARGEST_HEADER = 64 << 10
_MOST_XZ_MEMORY = 256 << 20
_MOST_WAITING_BYTES = 256 << 20
_LARGEST_WAITING = 32 << 20
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, eq=False)
class TarFiles:
    """Files in a tar archive; see :class:`convwise.data.files.Origin`.

    Args:
        path: the archive.
        members: path → (where its bytes begin in the unpacked stream, how many there are).
        compressed: there is no way to a member but through all that stand before it.
    """

    path: Path
    members: Mapping[str, tuple[int, int]]
    compressed: bool

    def read(self, name: str) -> bytes:
        """Return the content of a member.

        Raises:
            DecodeError: the archive was damaged since it was listed.
        """
        with _unpacked(self.path) as stream:
            return self._read_from(stream, name)

    def readers(self, names: Sequence[str]) -> Iterator[tuple[int, ReadFile]]:
        """Yield a reader for each member, in the order of the archive.

        A compressed archive is unpacked once, by the thread that asks; the readers hold the
        bytes. If too many are waiting to be read, it waits for them.
        """
        order = sorted(range(len(names)), key=lambda place: self.members[names[place]][0])
        if not self.compressed:
            for place in order:
                yield place, partial(self.read, names[place])
            return
        waiting = _Waiting()
        with _unpacked(self.path) as stream:
            for place in order:
                name = names[place]
                if self.members[name][1] > _LARGEST_WAITING:
                    yield place, partial(self.read, name)
                    continue
                try:
                    content: bytes | DecodeError = self._read_from(stream, name)
                except DecodeError as error:
                    content = error
                yield place, waiting.add(content)

    def state(self, names: Sequence[str]) -> bytes:
        """Return the state of the archive's own file; see ``Origin``."""
        return file_state(self.path)

    def _read_from(self, stream: BinaryIO, name: str) -> bytes:
        offset, size = self.members[name]
        try:
            stream.seek(offset)
            content = stream.read(size)
        except Exception as error:  # damaged streams raise whatever their decoder stumbles on
            raise DecodeError(f"the archive is damaged ({error})") from error
        if len(content) < size:
            raise DecodeError("the archive is cut off in this file")
        return content


class _Waiting:
    """Bytes that were read and wait for a thread that decodes them."""

    def __init__(self) -> None:
        self._bytes = 0
        self._changed = threading.Condition()

    def add(self, content: bytes | DecodeError) -> ReadFile:
        held = [content]
        size = len(content) if isinstance(content, bytes) else 0

        def take() -> bytes:
            value = held.pop()
            with self._changed:
                self._bytes -= size
                self._changed.notify()
            if isinstance(value, DecodeError):
                raise value
            return value

        with self._changed:
            # Some of them may not be handed to a thread yet; so there is an end to the waiting.
            self._changed.wait_for(lambda: self._bytes < _MOST_WAITING_BYTES, _LONGEST_WAIT)
            self._bytes += size
        return take


class _Headers(io.RawIOBase):
    """What ``tarfile`` reads headers from: no header may be large, nor lead backwards."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset < self._stream.tell():
            raise tarfile.ReadError("a member that leads backwards")
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def list_tar(path: Path, members: Members) -> TarFiles:
    """Note all members of a tar archive; a compressed one is unpacked once, and not kept.

    Args:
        path: the archive.
        members: where they are noted.

    Raises:
        DataError: it is damaged, has too many members, or unpacks to far more than its size.
    """
    found: dict[str, tuple[int, int]] = {}
    try:
        most = max(SMALL_BYTES, MAX_RATIO * path.stat().st_size)
        with _unpacked(path) as stream:
            compressed = not isinstance(stream, io.BufferedReader)
            for member in _members(stream):
                if member.offset_data + member.size > most:
                    raise _bomb(path)
                if member.isdir():
                    members.add_folder(member.name)
                    continue
                listed = members.add(member.name, _trouble(member))
                if listed is not None:
                    found[listed] = (member.offset_data, member.size)
            # Check sums stand at the end.
            while compressed and stream.read(_BLOCK):
                if stream.tell() > most:
                    raise _bomb(path)
    except DataError:
        raise
    except Exception as error:  # damaged archives raise whatever tarfile stumbles on
        raise damaged(path, error) from error
    return TarFiles(path, found, compressed)


def _members(stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    headers = _Headers(stream)
    with tarfile.open(fileobj=cast(BinaryIO, headers), mode="r:", encoding="utf-8") as tar:
        while (member := tar.next()) is not None:
            if member.size < 0:
                raise tarfile.ReadError("a member of negative size")
            yield member
            # It would keep all of them.
            tar.members.clear()  # type: ignore[attr-defined]
    if headers.last != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it ends without an end mark")


def _trouble(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return LINK
    if not member.isreg() or member.issparse():
        return IRREGULAR
    # Of a compressed archive, only the whole has a ratio.
    return size_trouble(member.size, member.size)


def _unpacked(path: Path) -> BinaryIO:
    """Open the stream of a tar archive, whatever it is compressed with."""
    with path.open("rb") as file:
        start = file.read(_LARGEST_HEADER)
    if start.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(path))
    if start.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(path))
    if start.startswith(b"\xfd7zXZ"):
        # It tells how much memory it takes; LZMAFile would just take it.
        lzma.LZMADecompressor(memlimit=_MOST_XZ_MEMORY).decompress(start, max_length=1)
        return cast(BinaryIO, lzma.open(path))
    return path.open("rb")


def _bomb(path: Path) -> DataError:
    return DataError(
        f"{path} would unpack to more than {MAX_RATIO} times its size; no archive of pictures does"
    )
