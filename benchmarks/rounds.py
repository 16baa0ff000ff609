"""Entrants take turns: all of a group stay alive, and each trains on a little in every round."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Facts = dict[str, Any]


class Asked(Protocol):
    """What is needed of a ``measuring.Worker``."""

    ready: Facts

    def ask(self, command: Mapping[str, Any], timeout: float) -> Facts:
        """Return the answer to a command."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True)
class Course:
    """What every entrant of a group does.

    Args:
        batch: images in a step.
        learn: the command that trains at first, with ``images``, ``epochs`` and ``cap``.
        rounds: how many.
        seconds: that a round takes about; those who are slow take ``LEAST_STEPS`` steps.
        images: that rounds train on.
    """

    batch: int
    learn: Facts
    rounds: int
    seconds: float
    images: int


LEAST_STEPS = 4
# Beside the training that a cap is about: a first compilation, and scoring.
PATIENCE = 120.0

Start = Callable[[str], Asked]
Tell = Callable[[str], None]


def compete(names: Sequence[str], start: Start, course: Course, tell: Tell) -> list[Facts]:
    """Let everybody learn, then take turns, beginning with another one in each round.

    Args:
        names: of the entrants.
        start: returns the process of one of them.
        course: what they do.
        tell: is given news.

    Returns:
        A row for each: ``learn`` with what it did at first, ``steps`` of its rounds, and
        ``rounds``; ``error`` where it failed. Who was given up while learning has no rounds.
    """
    rows: dict[str, Facts] = {}
    workers: dict[str, Asked] = {}
    try:
        for name in names:
            worker = workers[name] = start(name)
            rows[name] = _prepare(name, worker, course)
            tell(f"{name}: {_learnt(rows[name])}")
            if "steps" not in rows[name]:
                workers.pop(name).close()
        for number in range(course.rounds):
            for name in rotated([*workers], number):
                _take_part(rows[name], workers[name], course, number)
                tell(f"round {number + 1}, {name}: {_news(rows[name])}")
    finally:
        for worker in workers.values():
            worker.close()
    return [*rows.values()]


def rotated(names: Sequence[str], number: int) -> list[str]:
    """Return the names, beginning with the one whose turn it is.

    Example:
        >>> rotated(["a", "b", "c"], 4)
        ['b', 'c', 'a']
    """
    first = number % max(len(names), 1)
    return [*names[first:], *names[:first]]


def steps_for(speed: float, batch: int, seconds: float) -> int:
    """Return how many steps fill so many seconds at a speed in images per second.

    Example:
        >>> steps_for(1000.0, 128, 1.5), steps_for(10.0, 128, 1.5)
        (12, 4)
    """
    return max(LEAST_STEPS, math.ceil(seconds * speed / batch))


def _prepare(name: str, worker: Asked, course: Course) -> Facts:
    row: Facts = {"contender": name, **worker.ready, "rounds": []}
    learnt = worker.ask({"do": "learn", **course.learn}, course.learn["cap"] + PATIENCE)
    if "error" in learnt:
        return row | {"error": learnt["error"]}
    row["learn"] = learnt
    if learnt.get("given_up"):
        return row
    steps = steps_for(learnt["images_per_second"], course.batch, course.seconds)
    asked = {"do": "rounds", "steps": steps, "images": course.images}
    # What is late only once (another data set, first use of memory) falls into this round.
    for command in (asked, {"do": "round"}):
        found = worker.ask(command, PATIENCE)
        if "error" in found:
            return row | {"error": found["error"]}
    return row | {"steps": steps}


def _take_part(row: Facts, worker: Asked, course: Course, number: int) -> None:
    if "error" in row:
        return
    found = worker.ask({"do": "round"}, PATIENCE + 10 * course.seconds)
    if "error" in found:
        row["error"] = found["error"]
    else:
        row["rounds"].append({"round": number, **found})


def _learnt(row: Facts) -> str:
    if "error" in row:
        return str(row["error"])
    learnt = row["learn"]
    if learnt.get("given_up"):
        return f"{learnt['images_per_second']:,.0f} images/s, too slow: projected, not measured"
    return f"learnt in {learnt['seconds']:.1f} s, test accuracy {learnt['test_accuracy']:.3f}"


def _news(row: Facts) -> str:
    if "error" in row:
        return str(row["error"])
    return f"{row['rounds'][-1]['images_per_second']:,.0f} images/s"
