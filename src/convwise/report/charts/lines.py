"""A chart of two lines with their names at their ends and a reading at each place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.axes import Plot, Scale, frame
from convwise.report.charts.svg import drawing, element, polyline, spread

WIDTH, HEIGHT = 440, 290
LEFT, RIGHT, TOP, BOTTOM = 46, 84, 36, 46


@dataclass(frozen=True)
class Line:
    """A line: its name, its style (``first`` or ``second``) and a y, or None, for each x."""

    name: str
    style: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Axis:
    """An axis: its title with the unit, its ticks (the outer ones bound it) and their text."""

    title: str
    ticks: Sequence[float]
    text: Callable[[float], str]
    low: float | None = None
    high: float | None = None

    def scale(self, start: float, end: float) -> Scale:
        """Return the scale over those pixels."""
        low = self.ticks[0] if self.low is None else self.low
        high = self.ticks[-1] if self.high is None else self.high
        if high <= low:
            low, high = low - 0.5, high + 0.5
        return Scale(low, high, start, end, tuple(self.ticks))


def line_chart(
    key: str,
    title: str,
    description: str,
    xs: Sequence[float],
    lines: Sequence[Line],
    axes: tuple[Axis, Axis],
    reading: Callable[[int], str],
) -> Markup:
    """Return a line chart as SVG.

    Args:
        key: unique on the page.
        title: what it shows.
        description: what one sees, in a sentence.
        xs: where the values lie.
        lines: the lines, the most important first.
        axes: (horizontal, vertical).
        reading: the words at the place with that index, shown on hovering.
    """
    across, upwards = axes
    plot = Plot(across.scale(LEFT, WIDTH - RIGHT), upwards.scale(HEIGHT - BOTTOM, TOP))
    return drawing(
        key,
        title,
        description,
        (WIDTH, HEIGHT),
        frame(plot, across.title, upwards.title, across.text, upwards.text),
        *(_line(plot, xs, line) for line in reversed(lines)),
        _names(plot, xs, lines),
        _readings(plot, xs, lines, reading),
    )


def _places(plot: Plot, xs: Sequence[float], line: Line) -> list[tuple[float, float]]:
    pairs = zip(xs, line.values, strict=True)
    return [plot.place(x, y) for x, y in pairs if y is not None]


def _line(plot: Plot, xs: Sequence[float], line: Line) -> Markup:
    places = _places(plot, xs, line)
    drawn = polyline(places, f"line {line.style}")
    if len(places) > 12:
        return drawn
    dots = (element("circle", class_=f"dot {line.style}", cx=x, cy=y, r=3) for x, y in places)
    return drawn + Markup("").join(dots)


def _names(plot: Plot, xs: Sequence[float], lines: Sequence[Line]) -> Markup:
    ends = [(line, places[-1]) for line in lines if (places := _places(plot, xs, line))]
    heights = spread([y for _, (_, y) in ends], 17, plot.y.end, plot.y.start)
    return Markup("").join(
        element("text", line.name, class_=f"name {line.style}", x=x + 9, y=height + 4)
        for (line, (x, _)), height in zip(ends, heights, strict=True)
    )


def _readings(
    plot: Plot, xs: Sequence[float], lines: Sequence[Line], reading: Callable[[int], str]
) -> Markup:
    middles = [plot.x(x) for x in xs]
    parts = []
    for index, x in enumerate(middles):
        before = (middles[index - 1] + x) / 2 if index else plot.x.start
        after = (middles[index + 1] + x) / 2 if index + 1 < len(xs) else plot.x.end
        tall = plot.y.start - plot.y.end
        marks = [
            element("circle", class_=f"mark {line.style}", cx=x, cy=plot.y(y), r=4)
            for line in lines
            if (y := line.values[index]) is not None
        ]
        parts.append(
            element(
                "g",
                element("title", reading(index)),
                element("rect", x=before, y=plot.y.end, width=after - before, height=tall),
                element("line", x1=x, x2=x, y1=plot.y.end, y2=plot.y.start),
                *marks,
                class_="reading",
            )
        )
    return Markup("").join(parts)
