"""Zip archives: members are read one by one, from any thread."""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from convwise.data.archive import (
    IRREGULAR,
    LINK,
    MAX_MEMBERS,
    Members,
    damaged,
    size_trouble,
    too_many,
)
from convwise.data.files import ReadFile, file_state
from convwise.errors import DataError, DecodeError

_BLOCK = 1 << 20
_ENCRYPTED = 0x1
_END = b"PK\5\6"
_END_BYTES = 22
_END_64 = b"PK\6\6"
_END_64_BYTES = 76
_LONGEST_COMMENT = 65_535
_ENTRY = b"PK\1\2"
_LARGEST_CONTENTS = 256 << 20


@dataclass(frozen=True, eq=False)
class ZipFiles:
    """Files in a zip archive; see :class:`convwise.data.files.Origin`.

    Args:
        path: the archive.
        archive: it, open.
        members: path → the member; a name alone does not tell two of the same name apart.
    """

    path: Path
    archive: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def read(self, name: str) -> bytes:
        """Return the content of a member, at most as many bytes as it states.

        Raises:
            DecodeError: it is damaged.
        """
        content = bytearray()
        try:
            # Opening and closing count users of the shared file; reading has its own lock.
            with self._lock:
                stream = self.archive.open(self.members[name])
            try:
                # Block by block: one call for all would unpack more than the stated size.
                while block := stream.read(_BLOCK):
                    content += block
            finally:
                with self._lock:
                    stream.close()
        except EOFError as error:
            raise DecodeError("the archive is cut off in this file") from error
        except Exception as error:  # damaged archives raise whatever zipfile stumbles on
            raise DecodeError(_why(error)) from error
        if len(content) < self.members[name].file_size:
            raise DecodeError("the file unpacks to less than it states")
        return bytes(content)

    def readers(self, names: Sequence[str]) -> Iterator[tuple[int, ReadFile]]:
        """Yield a reader for each member, in the order in which they lie in the archive."""
        offsets = [self.members[name].header_offset for name in names]
        for place in sorted(range(len(names)), key=offsets.__getitem__):
            yield place, partial(self.read, names[place])

    def state(self, names: Sequence[str]) -> bytes:
        """Return the state of the archive's own file; see ``Origin``."""
        return file_state(self.path)


def list_zip(path: Path, members: Members) -> ZipFiles:
    """Note all members of a zip archive.

    Args:
        path: the archive.
        members: where they are noted.

    Raises:
        DataError: it is damaged, or has too many members.
    """
    try:
        _check_contents(path)
        archive = zipfile.ZipFile(path)
    except DataError:
        raise
    except Exception as error:  # damaged archives raise whatever zipfile stumbles on
        raise damaged(path, error) from error
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        # The other name ends at the first NUL.
        name = member.orig_filename
        if name.endswith("/"):
            members.add_folder(name)
            continue
        listed = members.add(name, _trouble(member))
        if listed is not None:
            found[listed] = member
    return ZipFiles(path, archive, found)


def _trouble(member: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return LINK
    if kind not in (0, stat.S_IFREG):
        return IRREGULAR
    if member.flag_bits & _ENCRYPTED:
        return "the archive asks for a password"
    # The others can unpack one block to any size at once.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed by a method that is not read; pack it again with deflate"
    return size_trouble(member.file_size, member.compress_size)


def _check_contents(path: Path) -> None:
    """Count the members before ``zipfile`` makes an object of each."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_COMMENT - _END_BYTES - _END_64_BYTES))
        start = file.tell()
        tail = file.read()
        plain = len(tail) - _END_BYTES
        at = plain if tail[plain : plain + 4] == _END else tail.rfind(_END)
        if at < 0 or len(tail) - at < _END_BYTES:
            raise damaged(path, "it has no table of contents")
        length = int.from_bytes(tail[at + 12 : at + 16], "little")
        before = at - _END_64_BYTES
        if before >= 0 and tail[before : before + 4] == _END_64:
            length = int.from_bytes(tail[before + 40 : before + 48], "little")
            at = before
        if length > start + at:
            raise damaged(path, "its table of contents is cut off")
        if length > _LARGEST_CONTENTS:
            raise DataError(
                f"{path} has a table of contents of {length >> 20} MiB, more than "
                f"{_LARGEST_CONTENTS >> 20} MiB; unpack it and give the folder"
            )
        file.seek(start + at - length)
        if file.read(length).count(_ENTRY) > MAX_MEMBERS:
            raise too_many(path)


def _why(error: Exception) -> str:
    text = str(error)
    if "Bad CRC" in text:
        return "the file is damaged (its check sum is wrong)"
    return f"the file is damaged ({text or type(error).__name__})"
