"""Tables: a CSV, TSV or Parquet file that names pictures and their labels."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convwise.data.dataset import Skipped
from convwise.data.files import FileSamples, Folder, printable
from convwise.data.listing import WHOLE, Listing, consecutive
from convwise.data.table_records import (
    LABEL_COLUMNS,
    PATH_COLUMNS,
    SPLIT_COLUMNS,
    read_records,
)
from convwise.errors import DataError, did_you_mean

SPLIT_NAMES = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
_PARTS = (WHOLE, "train", "validation", "test")


class _Row(NamedTuple):
    """One row of a table; ``part`` and ``group`` are empty where the table has no such column."""

    place: str
    path: str
    label: str
    part: str
    group: str


def list_table(path: Path, *, group: str | None = None) -> Listing:
    """List the pictures that a table names, without opening one.

    Columns go by their names, in any case: ``path`` (or ``file``, ``filename``, ``image``),
    ``label`` (or ``class``), and, if there is one, ``split`` with ``train``, ``validation`` (or
    ``val``, ``valid``) and ``test``. Other columns are ignored. Paths are relative to the table's
    folder, or absolute. Classes are sorted; pictures stand by class, then by path.

    A file that does not exist is listed as skipped, and so is a row that says again what an
    earlier one said. A picture under two labels, or in two splits, is kept in both places, so
    that the audit finds it.

    Args:
        path: a ``.csv``, ``.tsv`` (both UTF-8; bytes that are none survive in paths) or
            ``.parquet`` file.
        group: name of a column: pictures with one value there must stay on one side of a split.

    Raises:
        DataError: the table cannot be read, lacks a column or a value, has fewer than two
            labels, or none of its files exists.
        MissingExtraError: a Parquet file, and pyarrow is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "birds.csv")
        ...     _ = table.write_text("path,label\\nbirds.csv,wren\\nb.png,lark\\n")
        ...     listing = list_table(table)
        >>> listing.classes, listing.skipped[0].path
        (('lark', 'wren'), 'b.png')
    """
    if not path.is_file():
        raise DataError(f"{path} is no file; give a table that ends in .csv, .tsv or .parquet")
    rows = _checked_rows(path, read_records(path, group), group)
    skipped: list[Skipped] = []
    kept = list(_present(path.parent, rows, skipped))
    if not kept:
        raise DataError(
            f"{path}: none of its {len(rows)} files can be found, the first is {rows[0].path!r}; "
            f"paths are taken relative to {path.parent}"
        )
    return _listing(path, rows, kept, skipped, grouped=group is not None)


def _listing(
    path: Path, rows: list[_Row], kept: list[_Row], skipped: list[Skipped], *, grouped: bool
) -> Listing:
    # Of all rows: a class keeps its index if its files are missing today.
    classes = tuple(sorted({row.label for row in rows}))
    if len(classes) < 2:
        raise DataError(f"{path} has one label only, {classes[0]!r}; a classifier needs two")
    index = {name: place for place, name in enumerate(classes)}
    kept.sort(key=lambda row: (_PARTS.index(row.part), index[row.label], row.path))
    sizes = {part: sum(row.part == part for row in kept) for part in _PARTS}
    groups = None
    if grouped:
        codes = {name: code for code, name in enumerate(sorted({row.group for row in kept}))}
        groups = np.array([codes[row.group] for row in kept], np.int64)
    samples = FileSamples(
        Folder(path.parent),
        tuple(row.path for row in kept),
        np.array([index[row.label] for row in kept], np.int64),
    )
    parts = consecutive({part: size for part, size in sizes.items() if size})
    listed = tuple(sorted(skipped, key=lambda item: item.path))
    return Listing(path.stem, classes, samples, parts, listed, groups)


def _present(folder: Path, rows: Iterable[_Row], skipped: list[Skipped]) -> Iterator[_Row]:
    """Yield the rows whose files can be opened, each once."""
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        # The split belongs to it: the same picture on two sides is a leak, and must be found.
        key = (row.path, row.label, row.part)
        if key in seen:
            skipped.append(Skipped(printable(row.path), "listed twice"))
            continue
        seen.add(key)
        problem = _why_absent(os.path.join(folder, row.path))  # noqa: PTH118 - a Path each is slow
        if problem:
            skipped.append(Skipped(printable(row.path), problem, damaged=True))
        else:
            yield row


def _why_absent(file: str) -> str | None:
    try:
        mode = os.stat(file).st_mode  # noqa: PTH116 - a Path a file is slow
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "the file does not exist"  # ValueError: a name that no file can have
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    # A pipe would block for ever.
    return None if stat.S_ISREG(mode) else "not a regular file"


def _checked_rows(
    path: Path, records: Iterator[tuple[str, list[str]]], group: str | None
) -> list[_Row]:
    """Return all rows with a path, a label, and a split and a group where there are such columns.

    The first record holds the names of the columns.
    """
    _, header = next(records, ("", []))
    columns = _columns(path, header, group)
    rows = []
    for place, values in records:
        if len(values) > len(header):
            raise DataError(
                f"{path}, {place} has {len(values)} values for {len(header)} columns; "
                "put a value that holds the separator into double quotes"
            )
        values += [""] * (len(header) - len(values))
        found = {name: values[at] for name, at in columns.items()}
        for name, value in found.items():
            if not value.strip():
                raise DataError(f"{path}, {place} has no {name}; fill it in, or remove the row")
        part = found.get("split", "").strip().lower()
        if "split" in found and part not in SPLIT_NAMES:
            raise DataError(
                f"{path}, {place} has the split {part!r}; use train, validation or test"
            )
        label = found["label"].strip()
        rows.append(
            _Row(place, found["path"], label, SPLIT_NAMES.get(part, WHOLE), found.get("group", ""))
        )
    if not rows:
        raise DataError(f"{path} has no rows; name a picture and its label in each")
    if "split" in columns and all(row.part != "train" for row in rows):
        raise DataError(f"{path} has a split column, but no row of the split train; add some")
    return rows


def _columns(path: Path, header: list[str], group: str | None) -> dict[str, int]:
    """Return where path and label stand, and split and group if they are there."""
    names = [name.strip().lower() for name in header]
    shown = ", ".join(repr(name) for name in header[:8]) or "none"
    wanted = {"path": PATH_COLUMNS, "label": LABEL_COLUMNS, "split": SPLIT_COLUMNS}
    if group is not None:
        wanted["group"] = (group.strip().lower(),)
    columns = {}
    for purpose, known in wanted.items():
        found = next((name for name in known if name in names), None)
        if found is not None:
            if names.count(found) > 1:
                raise DataError(f"{path} has two columns {found!r}; rename one")
            columns[purpose] = names.index(found)
        elif purpose == "group":
            raise DataError(
                f"{path} has no column {group!r} to group by{did_you_mean(known[0], names)}; "
                f"its columns are {shown}"
            )
        elif purpose != "split":
            raise DataError(f"{path} has no {purpose} column; its columns are {shown}")
    if "split" in columns and not (group is None or columns["group"] != columns["split"]):
        raise DataError(f"{path}: the column split cannot be the group; name another one")
    return columns
