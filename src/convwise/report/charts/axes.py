"""Scales, ticks and the frame that the line charts share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.svg import element


@dataclass(frozen=True)
class Scale:
    """Values low…high laid over pixels start…end, with the values that get a tick."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True)
class Plot:
    """The area inside the axes: ``x`` runs rightwards, ``y`` upwards."""

    x: Scale
    y: Scale

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point."""
        return (self.x(x), self.y(y))


def round_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Return at most ``most`` + 1 round values, the outer ones just outside low…high.

    Example:
        >>> round_ticks(0.71, 0.93)
        (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    """
    if high <= low:
        around = abs(low) * 0.1 or 0.5
        low, high = low - around, high + around
    rough = (high - low) / most
    unit = 10 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * unit
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            break
    return tuple(round(index * step, 12) for index in range(first, last + 1))


def whole_ticks(last: int, most: int = 8) -> tuple[int, ...]:
    """Return round whole numbers up to ``last``, from 1, for epochs.

    Example:
        >>> whole_ticks(6), whole_ticks(30)
        ((1, 2, 3, 4, 5, 6), (1, 5, 10, 15, 20, 25, 30))
    """
    if last <= most:
        return tuple(range(1, last + 1))
    step = next(
        factor * 10**power
        for power in range(12)
        for factor in (2, 5, 10)
        if last / (factor * 10**power) <= most
    )
    return (1, *range(step, last + 1, step))


def frame(
    plot: Plot,
    x_title: str,
    y_title: str,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
) -> Markup:
    """Return grid, tick labels and axis titles; the y title lies level, above its axis."""
    left, right = plot.x.start, plot.x.end
    bottom, top = plot.y.start, plot.y.end
    parts = [element("text", y_title, class_="axis", x=0, y=top - 16)]
    for tick in plot.y.ticks:
        height = plot.y(tick)
        parts.append(element("line", class_="grid", x1=left, x2=right, y1=height, y2=height))
        parts.append(
            element(
                "text", y_text(tick), class_="tick", x=left - 8, y=height + 4, text_anchor="end"
            )
        )
    parts.append(element("line", class_="base", x1=left, x2=right, y1=bottom, y2=bottom))
    for tick in plot.x.ticks:
        across = plot.x(tick)
        parts.append(element("line", class_="base", x1=across, x2=across, y1=bottom, y2=bottom + 4))
        parts.append(
            element(
                "text", x_text(tick), class_="tick", x=across, y=bottom + 19, text_anchor="middle"
            )
        )
    middle = (left + right) / 2
    parts.append(
        element("text", x_title, class_="axis", x=middle, y=bottom + 39, text_anchor="middle")
    )
    return Markup("").join(parts)


def bounds(values: Sequence[float], default: tuple[float, float]) -> tuple[float, float]:
    """Return the least and the greatest value, or the default where there is none."""
    return (min(values), max(values)) if values else default
