"""The records of a CSV, TSV or Parquet file, before it is decided what they mean."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convwise.errors import DataError, MissingExtraError

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
PATH_COLUMNS = ("path", "file", "filename", "image")
LABEL_COLUMNS = ("label", "class")
SPLIT_COLUMNS = ("split",)

Record = tuple[str, list[str]]


def read_records(path: Path, group: str | None = None) -> Iterator[Record]:
    """Yield (where it stands, its values) for each record, the header first.

    Args:
        path: a file of one of ``TABLE_SUFFIXES``.
        group: name of a column that is wanted beside path, label and split; other columns of a
            Parquet file are not read.

    Raises:
        DataError: it cannot be read.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet_records(path, group)
    return _csv_records(path)


def has_column(path: Path, name: str) -> bool:
    """Say whether a file is a table with a column of this name."""
    if path.suffix.lower() not in TABLE_SUFFIXES or not path.is_file():
        return False
    _, header = next(read_records(path, name), ("", []))
    return name.strip().lower() in {column.strip().lower() for column in header}


def _csv_records(path: Path) -> Iterator[Record]:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        # Names of files are bytes; those that are no UTF-8 come through as surrogates.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            start = 1
            for values in reader:
                if values:
                    yield f"line {start}", values
                start = reader.line_num + 1
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error


def _parquet_records(path: Path, group: str | None) -> Iterator[Record]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "hub") from error
    wanted = {*PATH_COLUMNS, *LABEL_COLUMNS, *SPLIT_COLUMNS, (group or "").strip().lower()}
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            for field in schema:
                if arrow.types.is_struct(field.type) and field.name.lower() in PATH_COLUMNS:
                    raise DataError(
                        f"{path} holds the pictures themselves in its column {field.name!r}; "
                        "give the folder that it lies in"
                    )
            names = [name for name in schema.names if name.strip().lower() in wanted]
            yield "the header", names or list(schema.names)
            row = 0
            for batch in file.iter_batches(columns=names) if names else ():
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    row += 1
                    yield f"row {row}", [_text(value) for value in values]
    except (OSError, arrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as a Parquet table: {error}") from error


def _text(value: Any) -> str:
    """Return a value of a Parquet column as a CSV file would have it."""
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if isinstance(value, float):
        # A column of whole numbers with a gap in it is stored as floating point.
        return "" if math.isnan(value) else f"{value:.0f}" if value.is_integer() else str(value)
    return "" if value is None else str(value)
