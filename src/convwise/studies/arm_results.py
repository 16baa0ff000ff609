"""What each arm did, means over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convwise.evaluation.metrics import wilson_interval
from convwise.studies.cell import Cell, Cost
from convwise.studies.question import Arm, Curve, Look, Question

Cells = Mapping[tuple[str, str, int], Cell]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """An arm on one test set, mean over seeds.

    Args:
        place: on the curve's axis.
        accuracy: mean share of right answers.
        interval: 95 %, of the test sample alone (Wilson).
        given: of the images that are right at the curve's reference, how many are right here.
        given_interval: of that, 95 %, of the images that are right there (Wilson).
    """

    place: float
    accuracy: float
    interval: Interval
    given: float | None
    given_interval: Interval | None


@dataclass(frozen=True)
class ArmResult:
    """What an arm did, means over seeds.

    Args:
        arm: which one.
        seeds: how many.
        accuracy: on its first test set.
        interval: 95 %, of the test sample alone (Wilson).
        images: in the test set.
        cost: of training and prediction, medians over seeds.
        points: along the question's curve.
        figures: of what was seen inside, one for each seed.
        look: of the first seed.
    """

    arm: Arm
    seeds: int
    accuracy: float
    interval: Interval
    images: int
    cost: Cost
    points: tuple[Point, ...]
    figures: Mapping[str, tuple[float, ...]]
    look: Look


def arm_result(question: Question, arm: Arm, cells: Cells, curve: Curve | None) -> ArmResult | None:
    """Return what an arm did, or None while it has no cell."""
    own = [
        cell
        for (name, other, _), cell in sorted(cells.items())
        if (name, other) == (question.name, arm.name)
    ]
    if not own:
        return None
    first = next(iter(own[0].scores))
    accuracy = float(np.mean([cell.scores[first].accuracy for cell in own]))
    images = len(own[0].scores[first].right)
    return ArmResult(
        arm,
        len(own),
        accuracy,
        wilson_interval(round(accuracy * images), images),
        images,
        _median_cost([cell.cost for cell in own]),
        tuple(_point(own, place, test, curve.given) for place, test in curve.tests.items())
        if curve
        else (),
        {name: tuple(cell.look.figures[name] for cell in own) for name in own[0].look.figures},
        own[0].look,
    )


def _median_cost(costs: Sequence[Cost]) -> Cost:
    """Return the costs with the medians of what was measured."""
    return Cost(
        costs[0].params,
        costs[0].flops,
        float(np.median([cost.seconds_per_epoch for cost in costs])),
        float(np.median([cost.ms_per_prediction for cost in costs])),
        round(float(np.median([cost.epochs for cost in costs]))),
    )


def _point(own: Sequence[Cell], place: float, test: str, given: str | None) -> Point:
    accuracy = float(np.mean([cell.scores[test].accuracy for cell in own]))
    images = len(own[0].scores[test].right)
    kept = interval = None
    if given is not None:
        right = np.stack([cell.scores[given].shares for cell in own])
        here = np.stack([cell.scores[test].shares for cell in own])
        if right.any():
            kept = float((right * here).sum() / right.sum())
            count = max(1, round(float(right.sum()) / len(own)))
            interval = wilson_interval(round(kept * count), count)
    return Point(place, accuracy, wilson_interval(round(accuracy * images), images), kept, interval)
