"""What the scores say: classes, calibration, shifts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.asked import Fact
from convwise.report.charts.bars import interval_bar
from convwise.report.charts.reliability import reliability_diagram
from convwise.report.charts.shift import shift_curves
from convwise.report.scores import ClassScore, Scores, Shifted
from convwise.report.wording import count, counted, percent, points, shown


@dataclass(frozen=True)
class ClassRow:
    """One line of the table of classes."""

    name: str
    images: str
    precision: str
    recall: str
    interval: str
    bar: Markup
    f1: str


@dataclass(frozen=True)
class Classes:
    """The table of classes, the least recognised first, and the share that its bars begin at."""

    rows: tuple[ClassRow, ...]
    floor: str
    averages: tuple[Fact, ...]


@dataclass(frozen=True)
class Measured:
    """A sentence, a chart, facts beside it and the numbers behind it."""

    summary: str
    chart: Markup
    facts: tuple[Fact, ...]
    rows: tuple[tuple[str, ...], ...]


def classes(scores: Scores) -> Classes | None:
    """Return the table of classes, or None where there is none."""
    if not scores.per_class:
        return None
    lows = [(one.recall_interval or (one.recall or 0.0,))[0] for one in scores.per_class]
    floor = min(math.floor(min(lows) * 10) / 10, 0.9)
    order = sorted(scores.per_class, key=lambda one: 2.0 if one.recall is None else one.recall)
    averages = [
        ("Balanced accuracy", scores.balanced_accuracy),
        ("Macro F1", scores.macro_f1),
    ]
    return Classes(
        rows=tuple(_class_row(one, floor) for one in order),
        floor=percent(max(floor, 0.0)),
        averages=tuple(Fact(name, percent(of)) for name, of in averages if of is not None),
    )


def _class_row(one: ClassScore, floor: float) -> ClassRow:
    interval = one.recall_interval
    return ClassRow(
        name=shown(one.name),
        images=count(one.images),
        precision=_share(one.precision),
        recall=_share(one.recall),
        interval="" if interval is None else f"{percent(interval[0])} to {percent(interval[1])}",
        bar=Markup("") if one.recall is None else interval_bar(one.recall, interval, floor),
        f1=_share(one.f1),
    )


def calibration(scores: Scores) -> Measured | None:
    """Return how far the probabilities can be believed, or None without bins."""
    bins = scores.calibration
    if not bins:
        return None
    images = sum(one.images for one in bins)
    confidence = sum(one.images * one.confidence for one in bins) / images
    right = sum(one.images * one.accuracy for one in bins) / images
    facts = []
    if scores.ece is not None:
        facts.append(Fact("Expected calibration error (ECE)", percent(scores.ece)))
    if scores.nll is not None:
        facts.append(Fact("Negative log-likelihood (NLL)", f"{scores.nll:.4f} nats"))
    facts += _scaling(scores)
    rows = tuple(
        (
            f"{percent(one.low)} to {percent(one.high)}",
            count(one.images),
            percent(one.confidence),
            percent(one.accuracy),
        )
        for one in bins
    )
    return Measured(_trust(confidence, right), reliability_diagram(bins), tuple(facts), rows)


def _scaling(scores: Scores) -> list[Fact]:
    """Return what temperature scaling did, if it did something."""
    if scores.temperature in (None, 1.0):
        return []
    facts = [Fact("Temperature, fitted on the validation images", f"{scores.temperature:.3f}")]
    if scores.unscaled_ece is not None:
        facts.append(Fact("ECE without it", percent(scores.unscaled_ece)))
    if scores.unscaled_nll is not None:
        facts.append(Fact("NLL without it", f"{scores.unscaled_nll:.4f} nats"))
    return facts


def _trust(confidence: float, right: float) -> str:
    gap = confidence - right
    said = f"its answers claim {percent(confidence)} on average, and {percent(right)} are right"
    if abs(gap) < 0.005:
        return f"The network is about as sure as it should be: {said}."
    return f"The network is {'too' if gap > 0 else 'less'} sure{_than(gap)}: {said}."


def _than(gap: float) -> str:
    return f" by {points(gap)}" if gap > 0 else f" than it could be, by {points(gap)}"


def shift(scores: Scores) -> Measured | None:
    """Return what shifted images cost, or None where this was not measured."""
    steps = scores.shift
    if not steps:
        return None
    facts = []
    if scores.shift_images:
        facts.append(Fact("Measured on", f"{counted(scores.shift_images, 'image')} an offset"))
    chart = shift_curves(
        [one.offset for one in steps],
        [one.accuracy for one in steps],
        [one.consistency for one in steps],
    )
    rows = tuple(
        (f"{one.offset:g}", percent(one.accuracy), _share(one.consistency)) for one in steps
    )
    return Measured(_shift_cost(steps), chart, tuple(facts), rows)


def _shift_cost(steps: tuple[Shifted, ...]) -> str:
    far = max(abs(one.offset) for one in steps)
    still = [one.accuracy for one in steps if one.offset == 0]
    moved = [one for one in steps if abs(one.offset) == far]
    if not still or not far:
        return "Accuracy when the object does not lie where it lay in training."
    accuracy = sum(one.accuracy for one in moved) / len(moved)
    cost = still[0] - accuracy
    shifted = f"A shift of {far:g} {'pixel' if far == 1 else 'pixels'}"
    if cost < 0.0005:
        said = f"{shifted} costs nothing: {percent(accuracy)} are right, unshifted "
        said += percent(still[0])
    else:
        said = f"{shifted} costs {points(cost)}: accuracy falls from {percent(still[0])} "
        said += f"to {percent(accuracy)}"
    kept = [one.consistency for one in moved if one.consistency is not None]
    if kept:
        said += f", and {percent(sum(kept) / len(kept))} of the images keep their answer"
    return f"{said}."


def _share(of: float | None) -> str:
    return "–" if of is None else percent(of)
