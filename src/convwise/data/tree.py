"""Tree: which files a folder or an archive holds, before it is decided what they mean."""

from __future__ import annotations

import enum
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from convwise.data.dataset import Skipped
from convwise.data.files import printable
from convwise.errors import DataError

PICTURE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
)
SPLIT_NAMES = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}

_UNREAD_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg"),
    *(".psd", ".dng", ".cr2", ".nef", ".arw"),
)
_SYSTEM_NAMES = ("__macosx", "thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Tree:
    """What lies below a root.

    Args:
        files: paths of what may be pictures, relative to the root, with forward slashes.
        folders: paths of folders, those without pictures too.
        skipped: the other files, with reasons.
    """

    files: tuple[str, ...]
    folders: frozenset[str]
    skipped: tuple[Skipped, ...] = ()

    def subfolders(self, place: str) -> list[str]:
        """Return the names of the folders directly in a folder, sorted.

        Args:
            place: ``""`` for the root, otherwise a path that ends with a slash.

        Example:
            >>> Tree((), frozenset({"train", "train/cat", "train/ant"})).subfolders("train/")
            ['ant', 'cat']
        """
        parent = place.rstrip("/")
        return sorted(
            posixpath.basename(path) for path in self.folders if posixpath.dirname(path) == parent
        )


class _Level(enum.Enum):
    TOP = enum.auto()
    SPLIT = enum.auto()
    INSIDE = enum.auto()


def walk(root: Path) -> Tree:
    """List everything below a folder; no file is opened.

    Hidden and system files are ignored. A link to a folder is followed where class folders stand,
    unless it leads to a folder that contains it; inside a class folder it is not.

    Raises:
        DataError: the folder, or one that holds class folders, cannot be listed.
    """
    files: list[str] = []
    folders: set[str] = set()
    skipped: list[Skipped] = []
    waiting = [("", _Level.TOP)]
    while waiting:
        place, level = waiting.pop()
        inner: list[str] = []
        try:
            with os.scandir(root / place) as entries:
                for entry in entries:
                    path = f"{place}{entry.name}"
                    if is_ignored(entry.name):
                        continue
                    if _is_folder(entry):
                        reason = _why_not_followed(entry, level)
                        if reason:
                            skipped.append(Skipped(f"{printable(path)}/", reason))
                        else:
                            inner.append(entry.name)
                        continue
                    reason = foreign(entry.name) or _irregular(entry)
                    if reason:
                        skipped.append(Skipped(printable(path), reason))
                    else:
                        files.append(path)
        except OSError as error:
            if level is not _Level.INSIDE:
                raise DataError(f"{root / place} cannot be listed: {error.strerror}") from error
            skipped.append(Skipped(printable(place), f"cannot be listed: {error.strerror}"))
        folders.update(f"{place}{name}" for name in inner)
        waiting.extend((f"{place}{name}/", below) for name, below in _levels(inner, level))
    return Tree(tuple(files), frozenset(folders), tuple(skipped))


def foreign(name: str) -> str | None:
    """Say why a file is none to decode, by its name; None if its content has to tell.

    Example:
        >>> foreign("cat/notes.md")
        'not an image file'
    """
    suffix = posixpath.splitext(name)[1].lower()
    if suffix in _UNREAD_SUFFIXES:
        return f"{suffix[1:].upper()} files are not read; convert it to PNG or JPEG"
    if suffix and suffix not in PICTURE_SUFFIXES:
        return "not an image file"
    return None


def is_ignored(name: str) -> bool:
    """Say whether a file or folder of this name is passed over in silence."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def _levels(names: list[str], level: _Level) -> Iterator[tuple[str, _Level]]:
    """Say of each folder whether class folders may stand in it."""
    lower = [name.lower() for name in names]
    for name in names:
        if level is _Level.TOP and "train" in lower and name.lower() in SPLIT_NAMES:
            yield name, _Level.SPLIT
        elif level is _Level.TOP and len(names) == 1:
            yield name, _Level.TOP
        else:
            yield name, _Level.INSIDE


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead to each other
        return False


def _why_not_followed(entry: os.DirEntry[str], level: _Level) -> str | None:
    if not entry.is_symlink():
        return None
    if level is _Level.INSIDE:
        # It may lead back up, and then there is no end.
        return "a link to a folder is not followed"
    here = Path(entry.path).parent.resolve()
    if here.is_relative_to(Path(entry.path).resolve()):
        return "a link to a folder that contains it is not followed"
    return None


def _irregular(entry: os.DirEntry[str]) -> str | None:
    try:
        regular = entry.is_file()
    except OSError:
        regular = False
    if regular:
        return None
    # A pipe would block for ever.
    return "not a regular file" if Path(entry.path).exists() else "a broken link"
