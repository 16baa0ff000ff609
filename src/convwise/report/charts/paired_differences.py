"""Paired differences: a dot for each seed, and the intervals of their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.axes import Scale, round_ticks
from convwise.report.charts.svg import drawing, element

# So narrow that a telephone shows it without scrolling, in letters that can be read: names stand
# above their rows, and not beside them.
WIDTH, LEFT, RIGHT = 420, 18, 18
ROW, TOP, BOTTOM = 84, 30, 46
# In a row, from its upper end: two lines of words, the intervals, the seeds.
NAME, DETAIL, LINE, SEEDS = 18, 35, 53, 70
DOT = 4.0

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """A comparison.

    Args:
        name: which arm against which.
        on: what they are compared on.
        mean: of the differences, as a share.
        by_seed: the difference of each seed.
        whole: 95 % interval over seeds and test images; None where it is not known.
        seeds: 95 % interval over seeds alone; likewise.
        told: the verdict in words.
        word: the verdict's own.
    """

    name: str
    on: str
    mean: float
    by_seed: tuple[float, ...]
    whole: Interval | None
    seeds: Interval | None
    told: str
    word: str


def differences_chart(key: str, rows: Sequence[Row], margin: float) -> Markup:
    """Return a line for each comparison, with the margin shaded around no difference.

    Intervals that are far wider than the differences end in an arrow, or they would hide them.

    Args:
        key: unique on the page.
        rows: at least one.
        margin: the smallest difference of interest, as a share.
    """
    reach = max([2 * margin, *(abs(value) for row in rows for value in row.by_seed)]) * 1.25
    shown = [abs(end) for row in rows for end in row.whole or ()]
    reach = min(max([reach, *shown]), 2.5 * reach)
    ticks = tuple(tick for tick in round_ticks(-reach, reach, 8) if abs(tick) <= 1)
    bottom = TOP + ROW * len(rows)
    scale = Scale(ticks[0], ticks[-1], LEFT, WIDTH - RIGHT, ticks)
    return drawing(
        key,
        "Differences of accuracy, seed by seed",
        " ".join(row.told for row in rows),
        (WIDTH, bottom + BOTTOM),
        _frame(scale, bottom, margin),
        *(_row(row, scale, TOP + ROW * place) for place, row in enumerate(rows)),
    )


def _frame(scale: Scale, bottom: float, margin: float) -> Markup:
    left, right = scale(max(-margin, scale.low)), scale(min(margin, scale.high))
    parts = [
        element("rect", class_="margin", x=left, y=TOP, width=right - left, height=bottom - TOP)
    ]
    for tick in scale.ticks:
        x = scale(tick)
        parts.append(
            element("line", class_="base" if tick == 0 else "grid", x1=x, x2=x, y1=TOP, y2=bottom)
        )
        text = f"{tick * 100:+g}" if tick else "0"
        parts.append(
            element(
                "text",
                text.replace("-", "−"),
                class_="tick",
                x=x,
                y=bottom + 18,
                text_anchor="middle",
            )
        )
    middle = (scale.start + scale.end) / 2
    title = "Difference of accuracy (percentage points)"
    parts.append(
        element("text", title, class_="axis", x=middle, y=bottom + 40, text_anchor="middle")
    )
    parts += [
        element("text", words, class_="tick", x=x, y=TOP - 12, text_anchor=anchor)
        for words, x, anchor in (
            ("← the second is better", scale.start, "start"),
            ("the first is better →", scale.end, "end"),
        )
    ]
    return Markup("").join(parts)


def _row(row: Row, scale: Scale, top: float) -> Markup:
    parts = [
        element("title", row.told),
        element("text", row.name, class_="axis", x=0, y=top + NAME),
        element("text", f"{row.on} · {row.word}", class_="tick", x=0, y=top + DETAIL),
    ]
    y = top + LINE
    if row.seeds is not None:
        parts.append(_bar(row.seeds, scale, y, "thin"))
    if row.whole is not None:
        parts.append(_bar(row.whole, scale, y, "whole"))
    x = scale(min(max(row.mean, scale.low), scale.high))
    parts.append(element("line", class_="mean", x1=x, x2=x, y1=y - 9, y2=y + 9))
    parts += [
        element("circle", class_="dot seed", cx=scale(value), cy=top + SEEDS, r=DOT)
        for value in row.by_seed
        if scale.low <= value <= scale.high
    ]
    return element("g", *parts, class_="difference")


def _bar(interval: Interval, scale: Scale, y: float, kind: str) -> Markup:
    low, high = (min(max(end, scale.low), scale.high) for end in interval)
    parts = [element("line", class_=kind, x1=scale(low), x2=scale(high), y1=y, y2=y)]
    for end, kept, away in ((interval[0], low, 1), (interval[1], high, -1)):
        if end != kept:
            x = scale(kept)
            points = f"{x:g},{y:g} {x + away * 9:g},{y - 5:g} {x + away * 9:g},{y + 5:g}"
            parts.append(element("polygon", class_="beyond", points=points))
    return Markup("").join(parts)
