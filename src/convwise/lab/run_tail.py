"""What is new in a run folder since one looked last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from convwise.report.fields import as_number, items, mapping, number, objects, text
from convwise.report.learning import learning
from convwise.training.live import EXAMPLES, PROGRESS
from convwise.training.lock import is_being_written

HISTORY = "history.jsonl"
# What a run folder holds may be anything: no more than this of a file is read.
MOST_BYTES = 8_000_000
# More points than that a curve cannot show.
MOST_EPOCHS = 200
_FIGURES = (
    *("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("learning_rate", "seconds", "images_per_second"),
)
_PROGRESS = (
    *("epoch", "epochs", "step", "steps_per_epoch", "share", "loss", "accuracy"),
    *("learning_rate", "images_per_second", "seconds_left"),
)
State = tuple[int, int, int]


class RunTail:
    """Follows the files of a run, which may not have begun.

    Args:
        run: its folder.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._states: dict[str, State | None] = {}
        self._was_written: bool | None = None

    def news(self) -> Iterator[tuple[str, Any]]:
        """Yield (name, content) of what has changed.

        ``run`` is what run.json tells and whether a process writes the run; ``history`` has the
        curves and the last epoch. Each replaces the one of that name before.
        """
        written = is_being_written(self._run)
        if self._changed("run.json") or written != self._was_written:
            self._was_written = written
            yield "run", self._told(written)
        if self._changed(HISTORY):
            yield "history", self._history()
        if self._changed(PROGRESS):
            progress = self._json(PROGRESS)
            yield "progress", _numbers(progress, _PROGRESS) | {"message": text(progress, "message")}
        if self._changed(EXAMPLES):
            yield "examples", _examples(self._json(EXAMPLES))

    def _changed(self, name: str) -> bool:
        """Return whether a file is another one than at the last look."""
        try:
            facts = os.stat(self._run / name)  # noqa: PTH116 - asked often
            state: State | None = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        except OSError:
            state = None
        before = self._states.get(name)
        self._states[name] = state
        return state != before

    def _json(self, name: str) -> Mapping[str, object]:
        try:
            content = json.loads(_content(self._run / name))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, Mapping) else {}

    def _told(self, written: bool) -> dict[str, Any]:
        facts = self._json("run.json")
        status = text(facts, "status") or ("running" if written else "")
        if status == "running" and not written:
            status = "broken off"
        result = mapping(facts, "result")
        return {
            "status": status,
            "written": written,
            "data": text(mapping(facts, "data"), "name"),
            "network": text(mapping(facts, "network"), "name"),
            "params": number(mapping(facts, "network"), "total_params"),
            "command": text(facts, "command"),
            "reason": text(facts, "reason"),
            "precision": text(mapping(facts, "precision"), "chosen"),
            "test_accuracy": number(result, "test_accuracy"),
            "train_seconds": number(result, "train_seconds"),
        }

    def _history(self) -> dict[str, Any]:
        lines = tuple(self._lines())
        curves = learning(_thinned(lines))
        last = _numbers(lines[-1], _FIGURES) if lines else None
        return {
            "epochs": len(lines),
            "last": last,
            "summary": "" if curves is None else curves.summary,
            "charts": [] if curves is None else [str(chart) for chart in curves.charts],
        }

    def _lines(self) -> Iterator[Mapping[str, object]]:
        try:
            lines = _content(self._run / HISTORY).decode("utf-8", "replace").split("\n")
        except OSError:
            return
        for line in lines:
            try:
                values = json.loads(line)
            except (ValueError, RecursionError):
                # The last one may be half written.
                continue
            if isinstance(values, Mapping):
                yield values


def _thinned(lines: tuple[Mapping[str, object], ...]) -> tuple[Mapping[str, object], ...]:
    """Return every line or every so many of them; always the last one."""
    step = max(1, -(-len(lines) // MOST_EPOCHS))
    return lines[::-1][::step][::-1]


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


def _numbers(values: Mapping[str, object], names: tuple[str, ...]) -> dict[str, float | None]:
    return {name: number(values, name) for name in names}


def _examples(values: Mapping[str, object]) -> dict[str, Any]:
    classes = [str(name) for name in items(values, "classes")]
    images = [
        {"id": text(image, "id"), "label": as_number(image.get("label")), "png": text(image, "png")}
        for image in objects(values, "images")
    ]
    answers = [
        {"epoch": number(each, "epoch")}
        | {
            name: [as_number(value) for value in items(each, name)]
            for name in ("predicted", "probability", "label_probability")
        }
        for each in objects(values, "answers")
    ]
    return {"classes": classes, "images": images, "answers": answers}
