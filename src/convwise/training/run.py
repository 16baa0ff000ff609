"""The run folder: everything asked, everything resolved, everything learnt."""

from __future__ import annotations

import csv
import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.data.store import PixelStore
from convwise.errors import OptionError, StorageError
from convwise.evaluation.split import Evaluation
from convwise.model.modelfile import FILE_NAME, model_bytes
from convwise.model.trained import TrainedModel
from convwise.training.lock import RunLock
from convwise.training.progress import EpochRecord
from convwise.training.storage import (
    append_line,
    json_bytes,
    remove_leftovers,
    storage_error,
    write_atomically,
    write_checksums,
)

RUNS = Path("runs")
HISTORY = "history.jsonl"
CHECKSUMS = "SHA256SUMS"
REPORT = "report.html"


def require_free(out: Path) -> None:
    """Check that a run may be written to ``out``.

    Raises:
        OptionError: something stands there; runs are never overwritten.
    """
    if out.exists():
        raise OptionError(f"--out {out} exists; runs are never overwritten, choose another name")


def choose_folder(out: Path | None, stem: str) -> Path:
    """Return the folder of a new run: as asked, or the first free ``runs/<stem>-<number>``."""
    if out is not None:
        return out
    numbers = itertools.count(1)
    return next(path for n in numbers if not (path := RUNS / f"{stem}-{n}").exists())


class RunFolder:
    """Writes the files of a run; each is complete or not there.

    As a context manager, it holds the folder's lock until its end.

    Args:
        path: the folder; it exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: RunLock | None = None

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder.

        Raises:
            OptionError: it exists.
            StorageError: it cannot be made.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(path, error, 0) from None
        try:
            path.mkdir()
            (path / "checkpoint").mkdir()
        except FileExistsError:
            raise OptionError(f"{path} exists; runs are never overwritten") from None
        except OSError as error:
            raise storage_error(path, error, 0) from None
        return cls(path)

    def __enter__(self) -> RunFolder:
        self._lock = RunLock(self.path)
        return self

    def __exit__(self, *error: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def remove_leftovers(self) -> None:
        """Remove what a process that was killed has left half written; hold the lock."""
        remove_leftovers(self.path)
        remove_leftovers(self.checkpoint)

    @property
    def checkpoint(self) -> Path:
        """The folder of the last complete checkpoint."""
        return self.path / "checkpoint"

    def write_json(self, name: str, values: Any) -> None:
        """Write or replace a JSON file."""
        write_atomically(self.path / name, json_bytes(values))

    def add_line(self, line: str) -> None:
        """Add a line to ``history.jsonl``."""
        append_line(self.path / HISTORY, line)

    def write_lines(self, lines: list[str]) -> None:
        """Write or replace ``history.jsonl``."""
        text = "".join(f"{line}\n" for line in lines)
        write_atomically(self.path / HISTORY, text.encode())

    def write_model(self, model: TrainedModel) -> None:
        """Write ``model.safetensors``."""
        write_atomically(self.path / FILE_NAME, model_bytes(model))

    def write_results(
        self, test: Evaluation, validation: Evaluation, classes: tuple[str, ...]
    ) -> None:
        """Write ``metrics.json``, and ``predictions.csv`` with a line for each test image."""
        self.write_json("metrics.json", {"test": test.figures, "validation": validation.figures})
        table = _predictions(test, classes).encode("utf-8", "backslashreplace")
        write_atomically(self.path / "predictions.csv", table)

    def unseal(self) -> None:
        """Remove what only a run that has ended has: its report and ``SHA256SUMS``."""
        for name in (CHECKSUMS, REPORT):
            try:
                (self.path / name).unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(self.path / name, error, 0) from None

    def seal(self) -> None:
        """Write ``SHA256SUMS`` over all that lies in the folder."""
        try:
            write_checksums(self.path, CHECKSUMS)
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise storage_error(self.path / CHECKSUMS, error, 0) from None


def _predictions(evaluation: Evaluation, classes: tuple[str, ...]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "label", "predicted", "probability", "label_probability"])
    rows = zip(evaluation.ids, evaluation.labels, evaluation.probabilities, strict=True)
    for name, label, probabilities in rows:
        best = int(probabilities.argmax())
        figures = [f"{probabilities[best]:.6f}", f"{probabilities[label]:.6f}"]
        table.writerow([name, classes[label], classes[best], *figures])
    return text.getvalue()


@dataclass(frozen=True)
class Run:
    """A training that ended.

    Args:
        folder: where its files lie.
        model: the trained model.
        test: scored once, after training.
        validation: scored with the final weights.
        history: a record for each epoch.
        facts: the content of ``run.json``.
        test_store: the test images, for pictures in a report.
        stopped_by: number of the signal that ended it early, or None.
    """

    folder: Path
    model: TrainedModel
    test: Evaluation
    validation: Evaluation
    history: tuple[EpochRecord, ...]
    facts: dict[str, Any]
    test_store: PixelStore
    stopped_by: int | None = None

    @property
    def status(self) -> str:
        """``finished``, ``time limit`` or ``interrupted``."""
        return str(self.facts["status"])

    @property
    def summary(self) -> dict[str, Any]:
        """The figures that ``convwise train --json`` prints last."""
        return {"run": str(self.folder), **self.facts["result"]}
