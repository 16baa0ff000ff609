"""The runs that a lab may read, as lines of a table that a page asks for part by part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convwise.errors import DataError
from convwise.lab.known_runs import KnownRuns
from convwise.lab.places import Places
from convwise.report.run_list import ListedRun, Order, RunList
from convwise.report.wording import duration, moment, shown

Sorting = Order
MODEL = "model.safetensors"
_LONGEST_NAME = 200


def run_table(
    places: Places, known: KnownRuns, sort: Sorting, words: str, offset: int, limit: int
) -> dict[str, Any]:
    """Return runs in an order, those whose name, data or network holds all of the words.

    Args:
        places: of the lab; a folder that a link leads to from outside is left out.
        known: what the lab has read of them.
        sort: newest, best or quickest first, or by name.
        words: that must all be found.
        offset: of the first line.
        limit: most lines.
    """
    handed = {str(path): each for each, path in places.run_folders()}
    found = _listed(places, known, sort)
    wanted = words.lower().split()
    runs = [run for run in found.runs if run.run in handed and _has(run, wanted)]
    return {
        "total": sum(1 for run in found.runs if run.run in handed),
        "matching": len(runs),
        "runs": [_line(run, handed[run.run]) for run in runs[offset : offset + limit]],
        "broken": [
            {"name": _name(name), "reason": shown(reason)}
            for name, reason in found.broken
            if name in handed
        ],
    }


def _listed(places: Places, known: KnownRuns, sort: Sorting) -> RunList:
    try:
        return known.listed(places.runs, sort)
    except DataError:
        # A lab may be opened before the first training.
        return RunList((), (), ())


def _has(run: ListedRun, words: list[str]) -> bool:
    text = " ".join([Path(run.run).name, run.data or "", run.network or "", run.status]).lower()
    return all(word in text for word in words)


def _name(path: str) -> str:
    return shown(Path(path).name)[:_LONGEST_NAME]


def _line(run: ListedRun, handed: str) -> dict[str, Any]:
    interval = run.test_accuracy_interval
    return {
        "id": handed,
        "name": _name(run.run),
        "created": moment(run.created) if run.created else "–",
        "data": shown(run.data or "–")[:_LONGEST_NAME],
        "network": shown(run.network or "–")[:_LONGEST_NAME],
        "epochs": run.epochs,
        "accuracy": None if run.test_accuracy is None else f"{run.test_accuracy * 100:.2f}\u00a0%",
        "interval": interval and f"{interval[0] * 100:.1f} to {interval[1] * 100:.1f}",
        "seconds": "–" if run.seconds is None else duration(run.seconds),
        "status": shown(run.status)[:40],
        "has_model": (Path(run.run) / MODEL).is_file(),
    }
