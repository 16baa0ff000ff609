"""Class folders: each class is a folder of pictures, with or without folders for the splits."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from convwise.data.dataset import Skipped
from convwise.data.files import FileSamples, Folder, Origin, printable
from convwise.data.listing import WHOLE, Listing, consecutive
from convwise.data.tree import PICTURE_SUFFIXES, SPLIT_NAMES, Tree, walk
from convwise.errors import DataError

__all__ = ["LAYOUT", "PICTURE_SUFFIXES", "arrange", "list_folder"]

LAYOUT = (
    "expected layout:\n"
    "  FOLDER/CLASS/picture.png                              convwise makes the splits\n"
    "  FOLDER/{train,validation,test}/CLASS/picture.png      you made the splits"
)

Found = Mapping[str, list[str]]


def list_folder(root: Path, *, nested: bool = False) -> Listing:
    """List class folders without opening a picture.

    Classes are sorted by name and matched by name across splits. Pictures may stand in folders
    inside a class folder. Hidden files are ignored. Other files are listed as skipped.

    Args:
        root: the folder; nothing in it is changed.
        nested: each folder that holds pictures is a class, named by its path.

    Raises:
        DataError: there are fewer than two classes, a split has a class that ``train`` lacks, or
            the layout is another one.
    """
    return arrange(walk(root), Folder(root), root.resolve().name, nested=nested)


def arrange(tree: Tree, origin: Origin, name: str, *, nested: bool = False) -> Listing:
    """Find classes and splits in a tree of files.

    A single folder that holds nothing but folders is only a wrapping: what counts is inside it.

    Args:
        tree: the files.
        origin: reads them.
        name: short name of the source.
        nested: see :func:`list_folder`.

    Raises:
        DataError: as for :func:`list_folder`.

    Example:
        >>> tree = Tree(("pets/cat/1.png", "pets/dog/1.png"),
        ...             frozenset({"pets", "pets/cat", "pets/dog"}))
        >>> arrange(tree, Folder(Path("downloads")), "downloads").classes
        ('cat', 'dog')
    """
    top = _unwrapped(tree)
    folders = tree.subfolders(top)
    splits = _split_folders(origin.path / top, folders)
    homes = {split: f"{top}{folder}/" for split, folder in splits.items()} or {WHOLE: top}
    beside = sorted(f"{top}{each}/" for each in set(folders) - set(splits.values()))
    outside = tuple(beside) if splits else ()
    hidden = tuple(printable(folder) for folder in outside)
    skipped = [each for each in tree.skipped if not each.path.startswith(hidden)]
    skipped += [Skipped(folder, "not one of the split folders") for folder in hidden]
    listed = _by_class(tree, homes, outside, skipped, nested=nested)
    first = next(iter(homes))
    classes = _checked_classes(origin.path / homes[first], listed[first], skipped)
    for split, found in listed.items():
        extra = sorted(set(found) - set(classes))
        if extra:
            raise DataError(
                f"{origin.path / homes[split]} has a class {extra[0]!r} that "
                f"{origin.path / homes[first]} lacks (its classes: {_some(classes)}); "
                "add it there or remove it here"
            )
    return _listing(origin, name, classes, listed, skipped)


def _unwrapped(tree: Tree) -> str:
    """Return the place where classes or splits stand: an empty text, or a path with a slash."""
    places_with_files = {path.rpartition("/")[0] for path in tree.files}
    place = ""
    while len(folders := tree.subfolders(place)) == 1:
        inner = place + folders[0]
        if folders[0].lower() in SPLIT_NAMES or inner in places_with_files:
            break
        if not tree.subfolders(f"{inner}/"):
            break
        place = f"{inner}/"
    return place


def _split_folders(root: Path, folders: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in folders:
        split = SPLIT_NAMES.get(folder.lower())
        if split in found:
            raise DataError(f"{root} has both {found[split]}/ and {folder}/; keep one")
        if split:
            found[split] = folder
    if "train" in found:
        return {split: found[split] for split in ("train", "validation", "test") if split in found}
    if found and len(found) == len(folders):
        names = " and ".join(f"{folder}/" for folder in found.values())
        raise DataError(f"{root} has {names} but no train/\n{LAYOUT}")
    return {}


def _by_class(
    tree: Tree,
    homes: Mapping[str, str],
    outside: tuple[str, ...],
    skipped: list[Skipped],
    *,
    nested: bool,
) -> dict[str, Found]:
    """Return part → class name → paths, sorted; what stands in no class is skipped."""
    names = {part: [] if nested else tree.subfolders(home) for part, home in homes.items()}
    listed = {part: {name: list[str]() for name in names[part]} for part in homes}
    for path in sorted(tree.files):
        for part, home in homes.items():
            place = path.removeprefix(home)
            name = posixpath.dirname(place) if nested else place.partition("/")[0]
            if path.startswith(home) and "/" in place and (nested or name in listed[part]):
                listed[part].setdefault(name, []).append(path)
                break
        else:
            if not path.startswith(outside):
                skipped.append(Skipped(printable(path), "not in a class folder"))
    return dict(listed)


def _checked_classes(folder: Path, found: Found, skipped: list[Skipped]) -> tuple[str, ...]:
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
    origin: Origin,
    name: str,
    classes: tuple[str, ...],
    listed: Mapping[str, Found],
    skipped: list[Skipped],
) -> Listing:
    paths: list[str] = []
    labels: list[int] = []
    sizes: dict[str, int] = {}
    for part, found in listed.items():
        for label, each in enumerate(classes):
            paths.extend(found.get(each, ()))
            labels.extend([label] * len(found.get(each, ())))
        sizes[part] = len(paths) - sum(sizes.values())
    samples = FileSamples(origin, tuple(paths), np.array(labels, np.int64))
    in_order = tuple(sorted(skipped, key=lambda item: item.path))
    return Listing(name, classes, samples, consecutive(sizes), in_order)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
