"""Class folders: each class is a folder of pictures, with or without folders for the splits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from convwise.data.dataset import Skipped
from convwise.data.files import FileSamples, Folder, printable
from convwise.data.listing import WHOLE, Listing, consecutive
from convwise.errors import DataError

LAYOUT = (
    "expected layout:\n"
    "  FOLDER/CLASS/picture.png                              convwise makes the splits\n"
    "  FOLDER/{train,validation,test}/CLASS/picture.png      you made the splits"
)

_SPLIT_NAMES = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
PICTURE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
)
_UNREAD_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg"),
    *(".psd", ".dng", ".cr2", ".nef", ".arw"),
)
_SYSTEM_NAMES = ("__macosx", "thumbs.db", "desktop.ini")


def list_folder(root: Path) -> Listing:
    """List class folders without opening a picture.

    Classes are sorted by name and matched by name across splits. Pictures may stand in folders
    inside a class folder. Hidden files are ignored. Other files are listed as skipped.

    Args:
        root: the folder; nothing in it is changed.

    Raises:
        DataError: there are fewer than two classes, a split has a class that ``train`` lacks, or
            the layout is another one.
    """
    skipped: list[Skipped] = []
    folders = _subfolders(root)
    split_folders = _split_folders(root, folders)
    if not split_folders:
        found = _list_split(root, root, skipped)
        classes = _checked_classes(root, root, found, skipped)
        return _listing(root, classes, {WHOLE: found}, skipped)
    for folder in sorted(set(folders) - set(split_folders.values())):
        skipped.append(Skipped(f"{_relative(root, folder)}/", "not one of the split folders"))
    _skip_loose_files(root, root, skipped)
    listed = {name: _list_split(root, path, skipped) for name, path in split_folders.items()}
    classes = _checked_classes(root, split_folders["train"], listed["train"], skipped)
    for name, found in listed.items():
        extra = sorted(set(found) - set(classes))
        if extra:
            raise DataError(
                f"{split_folders[name]} has a class {extra[0]!r} that {split_folders['train']} "
                f"lacks (its classes: {_some(classes)}); add it there or remove it here"
            )
    return _listing(root, classes, listed, skipped)


def _split_folders(root: Path, folders: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        split = _SPLIT_NAMES.get(folder.name.lower())
        if split in found:
            raise DataError(f"{root} has both {found[split].name}/ and {folder.name}/; keep one")
        if split:
            found[split] = folder
    if "train" in found:
        return {split: found[split] for split in ("train", "validation", "test") if split in found}
    if found and len(found) == len(folders):
        names = " and ".join(f"{path.name}/" for path in found.values())
        raise DataError(f"{root} has {names} but no train/\n{LAYOUT}")
    return {}


def _list_split(root: Path, folder: Path, skipped: list[Skipped]) -> dict[str, list[str]]:
    """Return class name → relative paths, sorted."""
    _skip_loose_files(root, folder, skipped)
    return {path.name: _pictures_below(root, path, skipped) for path in _subfolders(folder)}


def _pictures_below(root: Path, folder: Path, skipped: list[Skipped]) -> list[str]:
    pictures: list[str] = []
    waiting = [folder.relative_to(root).as_posix()]
    while waiting:
        place = waiting.pop()
        try:
            entries = list(os.scandir(root / place))
        except OSError as error:
            skipped.append(Skipped(f"{printable(place)}/", f"cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            path = f"{place}/{entry.name}"
            if _ignored(entry.name):
                continue
            if not entry.is_dir():
                reason = _foreign(entry)
                if reason:
                    skipped.append(Skipped(printable(path), reason))
                else:
                    pictures.append(path)
            elif entry.is_symlink():
                # It may lead back up, and then there is no end.
                skipped.append(Skipped(f"{printable(path)}/", "a link to a folder is not followed"))
            else:
                waiting.append(path)
    return sorted(pictures)


def _checked_classes(
    root: Path, folder: Path, found: Mapping[str, list[str]], skipped: list[Skipped]
) -> tuple[str, ...]:
    classes = tuple(sorted(found))
    if not any(found.values()):
        have = f"{len(classes)} folders without pictures and {len(skipped)} other files"
        raise DataError(f"{folder} holds no pictures in class folders: found {have}\n{LAYOUT}")
    if len(classes) < 2:
        raise DataError(
            f"{folder} holds one class only, {classes[0]!r}; a classifier needs two\n{LAYOUT}"
        )
    return classes


def _listing(
    root: Path,
    classes: tuple[str, ...],
    listed: Mapping[str, Mapping[str, list[str]]],
    skipped: list[Skipped],
) -> Listing:
    paths: list[str] = []
    labels: list[int] = []
    sizes: dict[str, int] = {}
    for part, found in listed.items():
        for label, name in enumerate(classes):
            paths.extend(found.get(name, ()))
            labels.extend([label] * len(found.get(name, ())))
        sizes[part] = len(paths) - sum(sizes.values())
    samples = FileSamples(Folder(root), tuple(paths), np.array(labels, np.int64))
    return Listing(root.resolve().name, classes, samples, consecutive(sizes), _sorted(skipped))


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(
            path for path in folder.iterdir() if path.is_dir() and not _ignored(path.name)
        )
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}") from error


def _skip_loose_files(root: Path, folder: Path, skipped: list[Skipped]) -> None:
    for entry in os.scandir(folder):
        if not entry.is_dir() and not _ignored(entry.name):
            reason = _foreign(entry) or "not in a class folder"
            skipped.append(Skipped(_relative(root, folder / entry.name), reason))


def _foreign(entry: os.DirEntry[str]) -> str | None:
    """Say why a file is none to decode; None if its content has to tell."""
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a Path a file is slow
    if suffix in _UNREAD_SUFFIXES:
        return f"{suffix[1:].upper()} files are not read; convert it to PNG or JPEG"
    if suffix and suffix not in PICTURE_SUFFIXES:
        return "not an image file"
    if not entry.is_file():
        # A pipe would block for ever.
        return "a broken link" if entry.is_symlink() else "not a regular file"
    return None


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def _relative(root: Path, path: Path) -> str:
    return printable(path.relative_to(root).as_posix())


def _sorted(skipped: list[Skipped]) -> tuple[Skipped, ...]:
    return tuple(sorted(skipped, key=lambda item: item.path))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
