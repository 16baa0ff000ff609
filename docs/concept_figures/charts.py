"""Line charts and bars for stand-alone pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from concept_figures.drawing import joined, text
from convwise.report.charts.axes import Plot, Scale, frame
from convwise.report.charts.svg import element, polyline, spread

WIDTH, HEIGHT = 680, 320
LEFT, RIGHT, TOP, BOTTOM = 88, 222, 46, 52
MARGIN = 16


@dataclass(frozen=True)
class Series:
    """A line: its name, its style (``first``, ``second``, ``third``) and a y for each x."""

    name: str
    style: str
    values: Sequence[float]


def lines(
    xs: Sequence[float],
    series: Sequence[Series],
    x_axis: tuple[str, Sequence[float], Callable[[float], str]],
    y_axis: tuple[str, Sequence[float], Callable[[float], str]],
) -> Markup:
    """Return a chart of lines with their names at their ends; an axis is (title, ticks, text)."""
    (x_title, x_ticks, x_text), (y_title, y_ticks, y_text) = x_axis, y_axis
    plot = Plot(
        Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT, tuple(x_ticks)),
        Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP, tuple(y_ticks)),
    )
    ends = [plot.y(one.values[-1]) for one in series]
    parts = [frame(plot, x_title, y_title, x_text, y_text)]
    for one, height in zip(series, spread(ends, 18, TOP, HEIGHT - BOTTOM), strict=True):
        places = [plot.place(x, y) for x, y in zip(xs, one.values, strict=True)]
        parts.append(polyline(places, f"line {one.style}"))
        parts += [
            element("circle", class_=f"dot {one.style}", cx=x, cy=y, r=3.5) for x, y in places
        ]
        parts.append(text(one.name, WIDTH - RIGHT + 10, height + 4, f"name {one.style}"))
    # The frame sets the title of its y axis at 0, which is the very edge of a picture.
    return element("g", *parts, transform=f"translate({MARGIN} 0)")


def split_bar(share: float, x: float, y: float, width: float, height: float = 16) -> Markup:
    """Return a bar of two parts: ``share`` of it in the first colour, the rest in the second."""
    first = share * width
    return joined(
        element("rect", class_="heat", x=x, y=y, width=first, height=height),
        element("rect", class_="warm", x=x + first, y=y, width=width - first, height=height),
    )
