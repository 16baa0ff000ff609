"""What the scores say, class by class."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.bars import interval_bar
from convwise.report.facts import Fact
from convwise.report.scores import ClassScore, Scores
from convwise.report.wording import count, percent, shown


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


def _share(of: float | None) -> str:
    return "–" if of is None else percent(of)
