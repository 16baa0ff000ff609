"""Several arms along an axis: a line each, its name at its end, and an interval at each place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.axes import Plot, Scale, frame
from convwise.report.charts.svg import drawing, element, polyline, spread

WIDTH, HEIGHT = 520, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 166, 36, 46
COLOURS = 6

Interval = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """An arm: its name, and at each place its value and its interval, where there is one."""

    name: str
    values: tuple[float | None, ...]
    intervals: tuple[Interval | None, ...] = ()


def arms_chart(
    key: str,
    title: str,
    places: Sequence[float],
    series: Sequence[Series],
    *,
    across: str,
    upwards: str,
    ticks: Sequence[float],
    text: Callable[[float], str],
) -> Markup:
    """Return the chart as SVG.

    Args:
        key: unique on the page.
        title: what it shows.
        places: along the axis, in order.
        series: one for each arm.
        across: title of the level axis, with its unit.
        upwards: title of the upright axis, with its unit.
        ticks: of the upright axis; the outer ones bound it.
        text: what stands at a tick, and in the readings.
    """
    low, high = min(places), max(places)
    high = high if high > low else low + 1
    x = Scale(low, high, LEFT, WIDTH - RIGHT, _some(places))
    plot = Plot(x, Scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP, tuple(ticks)))
    return drawing(
        key,
        title,
        " ".join(f"{one.name}: {_told(one, places, text)}." for one in series),
        (WIDTH, HEIGHT),
        frame(plot, across, upwards, "{:g}".format, text),
        *(_line(plot, places, one, place, text) for place, one in enumerate(series)),
        _names(plot, places, series),
    )


def _told(one: Series, places: Sequence[float], text: Callable[[float], str]) -> str:
    known = [(at, value) for at, value in zip(places, one.values, strict=True) if value is not None]
    return ", ".join(f"{text(value)} at {at:g}" for at, value in known)


def _some(places: Sequence[float]) -> tuple[float, ...]:
    """Return the places that get a tick: each at least an eleventh of the axis from the last."""
    apart = (max(places) - min(places)) / 11
    ticks = [places[0]]
    for place in places[1:]:
        if place - ticks[-1] >= apart:
            ticks.append(place)
    return tuple(ticks)


def _colour(place: int) -> str:
    return f"c{place % COLOURS + 1}"


def _line(
    plot: Plot,
    places: Sequence[float],
    one: Series,
    place: int,
    text: Callable[[float], str],
) -> Markup:
    drawn: list[tuple[float, float]] = []
    parts: list[Markup] = []
    # A few pixels to the side, so that intervals at one place do not cover each other.
    aside = (place - 2) * 2.0
    for index, (at, value) in enumerate(zip(places, one.values, strict=True)):
        if value is None:
            continue
        x, y = plot.place(at, value)
        drawn.append((x, y))
        interval = one.intervals[index] if one.intervals else None
        if interval is not None:
            low, high = (plot.y(min(max(end, plot.y.low), plot.y.high)) for end in interval)
            across = x + aside
            parts.append(element("line", class_="error", x1=across, x2=across, y1=low, y2=high))
        told = f"{one.name}, {at:g}: {text(value)}"
        parts.append(element("circle", element("title", told), class_="point", cx=x, cy=y, r=3))
    return element("g", polyline(drawn, "line"), *parts, class_=f"arm {_colour(place)}")


def _names(plot: Plot, places: Sequence[float], series: Sequence[Series]) -> Markup:
    ends = []
    for place, one in enumerate(series):
        known = [
            (at, value) for at, value in zip(places, one.values, strict=True) if value is not None
        ]
        if known:
            ends.append((place, one.name, plot.place(*known[-1])))
    heights = spread([y for _, _, (_, y) in ends], 17, plot.y.end, plot.y.start)
    return Markup("").join(
        element("text", name, class_=f"arm-name {_colour(place)}", x=x + 12, y=height + 4)
        for (place, name, (x, _)), height in zip(ends, heights, strict=True)
    )
