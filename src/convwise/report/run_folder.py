"""The files of a run folder, read for its report.

Only run.json must be there. A run that was interrupted has fewer of the others.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from convwise.errors import DataError
from convwise.report.fields import Json, as_number


@dataclass(frozen=True)
class Prediction:
    """One line of predictions.csv.

    Args:
        id: which image.
        label: name of its class.
        predicted: name of the class that the network gave it.
        probability: 0…1 that the network gave to ``predicted``.
        label_probability: 0…1 that it gave to ``label``; None where the file does not say.
    """

    id: str
    label: str
    predicted: str
    probability: float
    label_probability: float | None = None


@dataclass(frozen=True)
class RunFiles:
    """What a run folder holds; a file that is missing is empty here.

    Of the model file only its size is taken, in bytes.
    """

    name: str
    run: Json
    history: tuple[Json, ...] = ()
    metrics: Json | None = None
    predictions: tuple[Prediction, ...] | None = None
    audit: Json | None = None
    model_bytes: int | None = None


def read_run(folder: Path) -> RunFiles:
    """Read the files of a run.

    Raises:
        DataError: there is no run.json, or one of the files is damaged.

    Example:
        >>> read_run(Path("nowhere"))
        Traceback (most recent call last):
        convwise.errors.DataError: nowhere: no run.json there; give the folder of a run
    """
    run = _read_object(folder / "run.json")
    if run is None:
        raise DataError(f"{folder}: no run.json there; give the folder of a run")
    return RunFiles(
        name=folder.resolve().name,
        run=run,
        history=_read_history(folder / "history.jsonl"),
        metrics=_read_object(folder / "metrics.json"),
        predictions=read_predictions(folder / "predictions.csv"),
        audit=_read_object(folder / "audit.json"),
        model_bytes=_size(folder / "model.safetensors"),
    )


def read_predictions(path: Path) -> tuple[Prediction, ...] | None:
    """Read a predictions.csv; None where there is no such file.

    Raises:
        DataError: a column is missing, or a probability is no number.
    """
    text = _read_text(path)
    if text is None:
        return None
    # csv must see the line ends itself: an id may hold one.
    reader = csv.DictReader(text.splitlines(keepends=True))
    needed = ("id", "label", "predicted", "probability")
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; evaluate the run again")
    return tuple(_prediction(path, reader.line_num, line) for line in reader)


def _prediction(path: Path, number: int, line: dict[str, str | None]) -> Prediction:
    try:
        own = line.get("label_probability")
        return Prediction(
            id=line["id"] or "",
            label=line["label"] or "",
            predicted=line["predicted"] or "",
            probability=float(line["probability"] or "nan"),
            label_probability=as_number(float(own)) if own else None,
        )
    except ValueError:
        raise DataError(
            f"{path}, line {number}: a probability is no number; evaluate the run again"
        ) from None


def _read_history(path: Path) -> tuple[Json, ...]:
    lines = [line for line in (_read_text(path) or "").split("\n") if line.strip()]
    epochs: list[Json] = []
    for number, line in enumerate(lines, start=1):
        try:
            epoch = json.loads(line)
        except ValueError:
            # Power may fail while the last line is written; the epochs before it are whole.
            if number == len(lines):
                break
            raise DataError(f"{path}, line {number}: not JSON; mend or remove that line") from None
        if isinstance(epoch, dict):
            epochs.append(epoch)
    return tuple(epochs)


def _read_object(path: Path) -> Json | None:
    text = _read_text(path)
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); evaluate or train again") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds no JSON object; evaluate or train again")
    return content


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _read_text(path: Path) -> str | None:
    try:
        # newline="" keeps what csv needs, the other readers do not mind.
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the folder") from None
