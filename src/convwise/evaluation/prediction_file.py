"""Predictions as a file: CSV, JSON lines or Parquet, a row for each image file.

Rows are written as they come, so memory does not grow with their number.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convwise.errors import MissingExtraError, OptionError, StorageError
from convwise.evaluation.files import CHUNK, FilePrediction

SUFFIXES = (".csv", ".jsonl", ".parquet")


def require_writable(out: Path) -> None:
    """Check, before any work is done, that predictions can be written to such a file.

    Raises:
        OptionError: another suffix, a folder that does not exist, or a file that does.
        MissingExtraError: it is .parquet, and pyarrow is not installed.
    """
    if out.suffix.lower() not in SUFFIXES:
        names = ", ".join(f"NAME{each}" for each in SUFFIXES)
        raise OptionError(f"--out {out}: its ending tells the format; write one of {names}")
    if not out.parent.is_dir():
        raise OptionError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    if os.path.lexists(out):
        raise OptionError(f"--out {out} exists; files are never overwritten, choose another name")
    if out.suffix.lower() == ".parquet":
        _pyarrow()


class Rows(ABC):
    """A file that predictions are added to."""

    @abstractmethod
    def add(self, prediction: FilePrediction) -> None:
        """Add a row."""

    @abstractmethod
    def close(self) -> None:
        """Write what is still held back."""


@contextmanager
def prediction_file(out: Path, classes: Sequence[str]) -> Iterator[Rows]:
    """Open a file of predictions, which appears under its name when it is complete.

    Each row has ``path``, ``label``, ``probability`` (of the label), ``error`` (for files that
    could not be read) and the probability of every class: in CSV a column ``p:CLASS`` each, in JSON
    lines an object, in Parquet a list, whose classes are in the file's metadata under ``classes``.

    Args:
        out: of a suffix in SUFFIXES; checked by :func:`require_writable`.
        classes: names in the order of the probabilities.

    Raises:
        StorageError: the file cannot be written.
    """
    kinds: dict[str, Callable[[Path, Sequence[str]], Rows]] = {
        ".csv": _Csv,
        ".jsonl": _JsonLines,
        ".parquet": _Parquet,
    }
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.stem}-", dir=out.parent) as aside:
            path = Path(aside) / out.name
            rows = kinds[out.suffix.lower()](path, classes)
            try:
                yield rows
            finally:
                rows.close()
            os.link(path, out)
    except FileExistsError:
        raise OptionError(f"--out {out} was made meanwhile; choose another name") from None
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror or error}") from None


class _JsonLines(Rows):
    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._stream = path.open("w", encoding="utf-8", errors="backslashreplace")

    def add(self, prediction: FilePrediction) -> None:
        self._stream.write(json.dumps(prediction.to_dict(), ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._stream.close()


class _Csv(Rows):
    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._stream = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._table = csv.writer(self._stream)
        head = ("path", "label", "probability", "error", *(f"p:{name}" for name in classes))
        self._table.writerow(head)
        self._classes = classes

    def add(self, prediction: FilePrediction) -> None:
        told = prediction.to_dict()
        shares = told.get("probabilities", {})
        row = [told.get(key) for key in ("path", "label", "probability", "error")]
        self._table.writerow([*row, *(shares.get(name) for name in self._classes)])

    def close(self) -> None:
        self._stream.close()


class _Parquet(Rows):
    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._arrow, parquet = _pyarrow()
        text, number = self._arrow.string(), self._arrow.float32()
        columns = [("path", text), ("label", text), ("probability", number), ("error", text)]
        columns.append(("probabilities", self._arrow.list_(number)))
        told = {"classes": json.dumps(list(classes))}
        self._schema = self._arrow.schema(columns, metadata=told)
        self._file = parquet.ParquetWriter(path, self._schema)
        self._held: list[dict[str, Any]] = []

    def add(self, prediction: FilePrediction) -> None:
        told = prediction.to_dict()
        if "probabilities" in told:
            told["probabilities"] = list(told["probabilities"].values())
        self._held.append(told)
        if len(self._held) == CHUNK:
            self._write()

    def close(self) -> None:
        self._write()
        self._file.close()

    def _write(self) -> None:
        if self._held:
            table = self._arrow.Table.from_pylist(self._held, schema=self._schema)
            self._file.write_table(table)
            self._held = []


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        # The extra "hub" brings it, with the library datasets.
        raise MissingExtraError("pyarrow", "hub") from None
    return pyarrow, pyarrow.parquet
