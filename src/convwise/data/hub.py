"""Data sets of Hugging Face's ``datasets``: Parquet files that hold the pictures themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data.dataset import Skipped
from convwise.data.files import FileSamples, Folder, ReadFile, file_state
from convwise.data.listing import WHOLE, Listing, consecutive
from convwise.data.table import SPLIT_NAMES
from convwise.data.whole_file import MAX_FILE_BYTES
from convwise.errors import DataError, DecodeError, MissingExtraError

# "train-00000-of-00002.parquet", "train.parquet", "train/0000.parquet"
_SPLIT_NAME = re.compile(rf"({'|'.join(SPLIT_NAMES)})(?![a-z])")


def list_hub(name_or_folder: str, *, download: bool) -> Listing:
    """List a data set that ``datasets`` reads, by its picture column and its class column.

    A folder is looked at first: the Parquet files below it, whose names (or whose folders' names)
    begin with ``train``, ``validation`` or ``test``; without such names they are one part. A name
    is fetched from the Hub. ``datasets`` keeps a copy in its own cache in both cases. Pictures
    stand by class, then by row; a row without a label is skipped.

    Args:
        name_or_folder: a folder, a Parquet file, or a name such as ``"owner/birds"``.
        download: whether a name may be fetched.

    Raises:
        DataError: there is no such data set, it is not a set of pictures with one label each, or
            it would have to be fetched.
        MissingExtraError: ``datasets`` is not installed.
    """
    path = Path(name_or_folder).expanduser()
    files = _parquet_files(path)
    if not files and path.exists():
        raise DataError(f"{path} holds no Parquet files; give a folder that has some")
    if not files and not download:
        raise DataError(
            f"{name_or_folder} is not on this machine; add --download to fetch it from the Hub"
        )
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "hub") from error
    try:
        loaded = _load_files(datasets, files) if files else datasets.load_dataset(name_or_folder)
    except Exception as error:  # it raises errors of many libraries, among them pyarrow's
        raise DataError(f"{name_or_folder} cannot be read by datasets: {error}") from error
    skipped: list[Skipped] = []
    return _listing(name_or_folder, path, _named_parts(name_or_folder, loaded, skipped), skipped)


@dataclass(frozen=True, eq=False)
class TableRows:
    """Pictures in the rows of tables; see :class:`convwise.data.files.Origin`.

    Args:
        path: what messages name.
        tables: part → its ``datasets.Dataset``, of the picture column only, not decoded.
        column: name of the picture column.
    """

    path: Path
    tables: Mapping[str, Any]
    column: str

    def read(self, name: str) -> bytes:
        """Return the picture file in this row; ``name`` is ``part/row``."""
        part, row = name.split("/")
        try:
            cell = self.tables[part][int(row)][self.column] or {}
        except Exception as error:  # damaged tables raise whatever pyarrow stumbles on
            raise DecodeError(f"the row cannot be read ({error})") from error
        content, file = cell.get("bytes"), cell.get("path")
        if isinstance(content, bytes):
            if len(content) > MAX_FILE_BYTES:
                raise DecodeError(f"the file is larger than {MAX_FILE_BYTES >> 30} GiB")
            return content
        if file and Path(file).is_file():
            return Folder(Path()).read(file)
        raise DecodeError("the row holds no picture")

    def readers(self, names: Sequence[str]) -> Iterator[tuple[int, ReadFile]]:
        """Yield a reader for each row, in order."""
        for place, name in enumerate(names):
            yield place, partial(self.read, name)

    def state(self, names: Sequence[str]) -> bytes:
        """Return the states of the files in which ``datasets`` keeps the tables; see ``Origin``.

        Raises:
            OSError: it keeps them in memory.
        """
        files = [each["filename"] for table in self.tables.values() for each in table.cache_files]
        if not files:
            raise OSError("the tables are in memory")
        return b"".join(map(file_state, files))


def is_hub_folder(path: Path) -> bool:
    """Return whether a folder holds Parquet files, at its top or one folder down."""
    return path.is_dir() and any(any(path.glob(form)) for form in ("*.parquet", "*/*.parquet"))


def _parquet_files(path: Path) -> dict[str, list[str]]:
    """Return part → files; one part of all of them where no name tells a split."""
    if path.is_file() and path.suffix.lower() == ".parquet":
        return {WHOLE: [str(path)]}
    found: dict[str, list[str]] = {}
    unnamed = []
    for file in sorted(path.rglob("*.parquet")) if path.is_dir() else ():
        names = (file.name.lower(), file.parent.name.lower() if file.parent != path else "")
        match = next((m for name in names if (m := _SPLIT_NAME.match(name))), None)
        if match:
            found.setdefault(SPLIT_NAMES[match[1]], []).append(str(file))
        else:
            unnamed.append(str(file))
    if found and unnamed:
        raise DataError(
            f"{unnamed[0]} is named for no split, but other files are; name all of them "
            "train…, validation… or test…, or none"
        )
    return found or ({WHOLE: unnamed} if unnamed else {})


def _load_files(datasets: Any, files: Mapping[str, list[str]]) -> Mapping[str, Any]:
    if WHOLE not in files:
        loaded: Mapping[str, Any] = datasets.load_dataset("parquet", data_files=dict(files))
        return loaded
    # That word has a meaning of its own there.
    return {WHOLE: datasets.load_dataset("parquet", data_files=files[WHOLE], split="train")}


def _named_parts(name: str, loaded: Mapping[str, Any], skipped: list[Skipped]) -> dict[str, Any]:
    if len(loaded) == 1 and next(iter(loaded)) not in SPLIT_NAMES:
        return {WHOLE: next(iter(loaded.values()))}
    found: dict[str, Any] = {}
    for split, table in loaded.items():
        part = SPLIT_NAMES.get(split)
        if part is None or part in found:
            skipped.append(Skipped(f"{split}/", "not one of train, validation and test"))
        else:
            found[part] = table
    if "train" not in found:
        raise DataError(f"{name} has the splits {', '.join(loaded)}, but no train")
    return {part: found[part] for part in ("train", "validation", "test") if part in found}


def _listing(name: str, path: Path, parts: Mapping[str, Any], skipped: list[Skipped]) -> Listing:
    import datasets

    first = next(iter(parts.values()))
    image, label = _only(name, first, datasets.Image), _only(name, first, datasets.ClassLabel)
    classes = tuple(first.features[label].names)
    if len(classes) < 2:
        raise DataError(f"{name} has {len(classes)} class only; a classifier needs two")
    paths: list[str] = []
    labels: list[NDArray[np.int64]] = []
    sizes = {}
    tables = {}
    for part, table in parts.items():
        found = _labels(table, label)
        order = np.argsort(found, kind="stable")
        order = order[found[order] >= 0]
        skipped += [
            Skipped(f"{part}/{row:07d}", "has no label") for row in np.flatnonzero(found < 0)
        ]
        paths += [f"{part}/{row:07d}" for row in order.tolist()]
        labels.append(found[order])
        if len(order):
            sizes[part] = len(order)
        tables[part] = table.select_columns([image]).cast_column(
            image, datasets.Image(decode=False)
        )
    samples = FileSamples(TableRows(path, tables, image), tuple(paths), np.concatenate(labels))
    return Listing(path.stem, classes, samples, consecutive(sizes), tuple(skipped))


def _only(name: str, table: Any, kind: type) -> str:
    columns = [column for column, feature in table.features.items() if isinstance(feature, kind)]
    if len(columns) != 1:
        raise DataError(
            f"{name} has {len(columns)} columns of the kind {kind.__name__}, not one; its columns "
            f"are {', '.join(f'{each} ({type(f).__name__})' for each, f in table.features.items())}"
        )
    return str(columns[0])


def _labels(table: Any, column: str) -> NDArray[np.int64]:
    """Return the class index of each row; -1 where there is none, as ``datasets`` has it."""
    values = table.select_columns([column]).with_format(None)[:][column]
    return np.array([-1 if value is None else value for value in values], np.int64)
