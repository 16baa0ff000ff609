"""The runs in a folder with their figures, and what else lies there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from convwise.errors import DataError
from convwise.report.fields import Json, interval, mapping, number, text

Order = Literal["date", "name", "accuracy", "seconds"]
# A run writes it after its audit and before its first step.
RUN_FILE = "run.json"
HISTORY_FILE = "history.jsonl"
# No run writes more; whoever reads hundreds of them must not be stopped by one.
_LARGEST_RUN_FILE = 16_000_000
_SIGNS_OF_A_RUN = ("audit.json", "checkpoint")


@dataclass(frozen=True)
class ListedRun:
    """One run; what it does not tell is None.

    Args:
        run: its folder.
        created: ISO 8601.
        status: ``finished``, ``time limit``, ``interrupted`` …; ``running`` where training has not
            ended, or was killed.
        epochs: completed ones.
        seconds: of training.
    """

    run: str
    created: str | None
    data: str | None
    network: str | None
    epochs: int
    test_accuracy: float | None
    test_accuracy_interval: tuple[float, float] | None
    seconds: float | None
    precision: str | None
    status: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class RunList:
    """What lies in a folder.

    Args:
        runs: in the order asked for.
        broken: (folder, reason) of runs that cannot be read.
        foreign: names of folders that are no runs.
    """

    runs: tuple[ListedRun, ...]
    broken: tuple[tuple[str, str], ...]
    foreign: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "runs": [run.to_dict() for run in self.runs],
            "broken": [{"run": name, "reason": reason} for name, reason in self.broken],
            "foreign": list(self.foreign),
        }


def list_runs(
    folder: Path,
    order: Order = "date",
    read: Callable[[Path], ListedRun | None] | None = None,
) -> RunList:
    """Return the runs directly below a folder, or the folder itself where it is a run.

    Args:
        folder: where to look.
        order: ``date`` puts the newest first, ``accuracy`` the best, ``seconds`` the quickest.
        read: does what :func:`listed_run` does, for whoever remembers some of it.

    Raises:
        DataError: there is no such folder, or it cannot be read.
    """
    places = [folder] if (folder / RUN_FILE).is_file() else _folders(folder)
    runs: list[ListedRun] = []
    broken: list[tuple[str, str]] = []
    foreign: list[str] = []
    for place in places:
        try:
            found = (read or listed_run)(place)
        except (OSError, ValueError, RecursionError) as error:
            broken.append((str(place), _reason(error)))
            continue
        if found is None:
            foreign.append(str(place))
        else:
            runs.append(found)
    runs.sort(key=lambda run: run.run)
    runs.sort(key=_KEYS[order])
    return RunList(tuple(runs), tuple(broken), tuple(foreign))


_KEYS: dict[Order, Callable[[ListedRun], Any]] = {
    "date": lambda run: _descending(run.created or ""),
    "name": lambda run: 0,
    "accuracy": lambda run: -1.0 if run.test_accuracy is None else -1.0 - run.test_accuracy,
    "seconds": lambda run: float("inf") if run.seconds is None else run.seconds,
}


def _descending(word: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in word) or (0,)


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in entries if entry.is_dir() and entry.name[:1] != "."
            )
    except FileNotFoundError:
        raise DataError(
            f"{folder} does not exist; runs lie below runs/ unless train was given --out"
        ) from None
    except NotADirectoryError:
        raise DataError(f"{folder} is a file; give the folder that holds runs") from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from None
    return [folder / name for name in names]


def listed_run(folder: Path) -> ListedRun | None:
    """Return a run's figures, or None for a folder that is no run.

    Raises:
        OSError: run.json cannot be read.
        ValueError: it holds no JSON object, or one that is of something else.
    """
    try:
        with (folder / RUN_FILE).open("rb") as file:
            content = file.read(_LARGEST_RUN_FILE + 1)
    except FileNotFoundError:
        if any((folder / sign).exists() for sign in _SIGNS_OF_A_RUN):
            raise ValueError("ended before its first step; there is no run.json") from None
        return None
    if len(content) > _LARGEST_RUN_FILE:
        raise ValueError(f"run.json is larger than the {_LARGEST_RUN_FILE:,} bytes of any run")
    facts = json.loads(content)
    if not isinstance(facts, dict) or "network" not in facts:
        raise ValueError("run.json is not that of a run")
    return _listed(folder, facts)


def _listed(folder: Path, facts: Json) -> ListedRun:
    result = mapping(facts, "result")
    epochs, seconds = number(result, "epochs"), number(result, "train_seconds")
    if epochs is None:
        epochs, seconds = _so_far(folder / HISTORY_FILE)
    return ListedRun(
        run=str(folder),
        created=text(facts, "created"),
        data=text(mapping(facts, "data"), "name"),
        network=text(mapping(facts, "network"), "name"),
        epochs=int(epochs),
        test_accuracy=number(result, "test_accuracy"),
        test_accuracy_interval=interval(result, "test_accuracy_interval"),
        seconds=seconds,
        precision=text(mapping(facts, "precision"), "chosen"),
        status=text(facts, "status") or "unknown",
    )


def _so_far(history: Path) -> tuple[int, float | None]:
    """Return how many epochs are complete, and when the last one ended."""
    try:
        lines = history.read_bytes().splitlines()
    except OSError:
        return 0, None
    while lines:
        try:
            return len(lines), number(json.loads(lines[-1]), "seconds")
        except (ValueError, AttributeError):
            # Power may fail while the last line is written.
            lines.pop()
    return 0, None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"run.json cannot be read ({error.strerror})"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return "run.json is no JSON; it was cut off or damaged"
    return str(error)
