"""Differences in accuracy with their intervals, one a row, around a line of no difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.axes import Plot, Scale, round_ticks
from convwise.report.charts.svg import drawing, element

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 420, 30, 20, 8, 46
ROW = 34


@dataclass(frozen=True)
class Difference:
    """A row: its name, the difference and its interval as shares, and what is told on hovering."""

    name: str
    value: float
    interval: tuple[float, float]
    told: str


def difference_chart(rows: Sequence[Difference]) -> Markup:
    """Return the chart as SVG, in percentage points."""
    ends = [end * 100 for row in rows for end in row.interval]
    ticks = round_ticks(min(0.0, *ends), max(0.0, *ends), most=6)
    height = TOP + ROW * len(rows) + BOTTOM
    x = Scale(ticks[0], ticks[-1], LEFT, WIDTH - RIGHT, ticks)
    plot = Plot(x, Scale(0, len(rows), TOP, height - BOTTOM, ()))
    return drawing(
        "differences",
        "Difference in accuracy",
        " ".join(row.told for row in rows),
        (WIDTH, height),
        _frame(plot),
        *(_row(plot, index, row) for index, row in enumerate(rows)),
    )


def _frame(plot: Plot) -> Markup:
    top, bottom = plot.y.start, plot.y.end
    parts = []
    for tick in plot.x.ticks:
        at = plot.x(tick)
        kind = "ideal" if tick == 0 else "grid"
        parts.append(element("line", class_=kind, x1=at, x2=at, y1=top, y2=bottom))
        words = f"{tick:+g}".replace("-", "−") if tick else "0"
        parts.append(
            element("text", words, class_="tick", x=at, y=bottom + 19, text_anchor="middle")
        )
    middle = (plot.x.start + plot.x.end) / 2
    title = "Difference in test accuracy (percentage points)"
    parts.append(
        element("text", title, class_="axis", x=middle, y=bottom + 39, text_anchor="middle")
    )
    return Markup("").join(parts)


def _row(plot: Plot, index: int, row: Difference) -> Markup:
    y = plot.y(index + 0.5)
    low, high = (plot.x(end * 100) for end in row.interval)
    return element(
        "g",
        element("title", row.told),
        element("rect", class_="hit", x=0, y=y - ROW / 2, width=WIDTH, height=ROW),
        element("text", row.name, class_="axis", x=0, y=y + 4),
        element("line", class_="whisker", x1=low, x2=high, y1=y, y2=y),
        element("circle", class_="dot first", cx=plot.x(row.value * 100), cy=y, r=5),
        class_="bin",
    )
