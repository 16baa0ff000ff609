"""Archives, read in place: nothing is ever unpacked to a disk."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from convwise.data.dataset import Skipped
from convwise.data.files import Origin, printable
from convwise.data.folder import arrange
from convwise.data.listing import Listing
from convwise.data.tree import PICTURE_SUFFIXES, Tree, foreign, is_ignored
from convwise.data.whole_file import MAX_FILE_BYTES
from convwise.errors import DataError

ARCHIVE_SUFFIXES = (
    *(".zip", ".tar", ".tar.gz", ".tgz"),
    *(".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
)
MAX_MEMBERS = 2_000_000
MAX_RATIO = 200
SMALL_BYTES = 64 << 20

LINK = "a link in an archive is not followed"
IRREGULAR = "not a regular file"

_LONGEST_NAME = 1024
_LONGEST_SHOWN = 200
# Class folders stand no deeper; to note all folders of hostile names would take all memory.
_FOLDER_LEVELS = 6


def is_archive(path: Path) -> bool:
    """Say whether a file is named like an archive that can be read.

    Example:
        >>> is_archive(Path("photos.TAR.GZ")), is_archive(Path("photos.csv"))
        (True, False)
    """
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def list_archive(path: Path, *, nested: bool = False) -> Listing:
    """List the class folders in a zip or tar archive without decoding a picture.

    The layout is that of :func:`convwise.data.folder.list_folder`. Members that cannot be
    trusted (a name that leads out, a link, a bomb…) are skipped with their reasons.

    Args:
        path: the archive; its name tells zip from tar, its content how a tar is compressed.
        nested: see :func:`convwise.data.folder.list_folder`.

    Raises:
        DataError: the archive is damaged, cut off or has too many members, or its layout is
            another one.
    """
    from convwise.data.tar_archive import list_tar
    from convwise.data.zip_archive import list_zip

    members = Members(path)
    is_zip = path.name.lower().endswith(".zip")
    origin: Origin = list_zip(path, members) if is_zip else list_tar(path, members)
    suffix = next(end for end in ARCHIVE_SUFFIXES if path.name.lower().endswith(end))
    name = path.resolve().name[: -len(suffix)] or path.name
    return arrange(members.tree(), origin, name, nested=nested)


class Members:
    """Sorts the members of an archive into pictures, folders and what is skipped.

    Args:
        archive: the archive, for messages.

    Example:
        >>> members = Members(Path("photos.zip"))
        >>> members.add("./cat/1.png"), members.add("../1.png")
        ('cat/1.png', None)
        >>> members.tree().skipped[0].reason
        'its name leads out of the archive'
    """

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self._count = 0
        self._files: dict[str, None] = {}
        self._refused: set[str] = set()
        self._folders: set[str] = set()
        self._skipped: list[Skipped] = []

    def add(self, name: str, trouble: str | None = None) -> str | None:
        """Take note of a member that is no folder.

        Args:
            name: as the archive has it.
            trouble: why it is not to be read, if that is known.

        Returns:
            The path under which it is listed; None if it is not.

        Raises:
            DataError: the archive has too many members.
        """
        parts = self._parts(name)
        if not parts:
            return None
        path = "/".join(parts)
        self._note_folders(parts[:-1])
        reason = foreign(parts[-1])
        if reason:
            self._skipped.append(Skipped(printable(path), reason))
            return None
        if path in self._files or path in self._refused:
            self._skip(path, "a second file of this name")
            return None
        if trouble:
            self._refused.add(path)
            self._skip(path, trouble)
            return None
        self._files[path] = None
        return path

    def add_folder(self, name: str) -> None:
        """Take note of a folder.

        Raises:
            DataError: the archive has too many members.
        """
        self._note_folders(self._parts(name))

    def tree(self) -> Tree:
        """Return what was found."""
        return Tree(tuple(self._files), frozenset(self._folders), tuple(self._skipped))

    def _parts(self, name: str) -> list[str]:
        """Split a name into its parts; none if it is skipped or passed over."""
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise too_many(self.archive)
        trouble = _name_trouble(name)
        if trouble:
            self._skip(name, trouble)
            return []
        parts = [part for part in name.split("/") if part not in ("", ".")]
        return [] if any(map(is_ignored, parts)) else parts

    def _note_folders(self, parts: list[str]) -> None:
        for depth in range(min(len(parts), _FOLDER_LEVELS), 0, -1):
            folder = "/".join(parts[:depth])
            if folder in self._folders:
                break
            self._folders.add(folder)

    def _skip(self, name: str, reason: str) -> None:
        expected = posixpath.splitext(name)[1].lower() in PICTURE_SUFFIXES
        self._skipped.append(Skipped(_shown(name), reason, damaged=expected))


def size_trouble(size: int, packed: int) -> str | None:
    """Say why a member of this size is not to be read; None if it may be.

    Args:
        size: bytes that it states to have.
        packed: bytes that it takes in the archive.

    Example:
        >>> size_trouble(100 << 20, 1000)
        'the file would unpack to 100 MiB, more than 200 times its size'
    """
    if size > MAX_FILE_BYTES:
        return f"the file is larger than {MAX_FILE_BYTES >> 30} GiB"
    if size > SMALL_BYTES and size > MAX_RATIO * packed:
        return f"the file would unpack to {size >> 20} MiB, more than {MAX_RATIO} times its size"
    return None


def too_many(archive: Path) -> DataError:
    """Return the error for an archive with too many members."""
    return DataError(
        f"{archive} has more than {MAX_MEMBERS:,} members; unpack it and give the folder"
    )


def damaged(archive: Path, error: Exception | str) -> DataError:
    """Return the error for an archive that cannot be read to its end."""
    what = str(error) or type(error).__name__
    return DataError(f"{archive} is damaged, cut off or no such archive ({what}); fetch it again")


def _name_trouble(name: str) -> str | None:
    if len(name) > _LONGEST_NAME:
        return f"its name is longer than {_LONGEST_NAME:,} characters"
    if re.search(r"[\x00-\x1f\x7f-\x9f]", name):
        return "its name has control characters"
    if "\\" in name:
        return "its name has backslashes"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "its name is absolute"
    if ".." in name.split("/"):
        return "its name leads out of the archive"
    return None


def _shown(name: str) -> str:
    """Return a name that can be written anywhere, however long and odd it is."""
    cut = name if len(name) <= _LONGEST_NAME else name[:_LONGEST_SHOWN] + "…"
    safe = (
        each if ord(each) > 31 and not 127 <= ord(each) < 160 else repr(each)[1:-1] for each in cut
    )
    return printable("".join(safe))
