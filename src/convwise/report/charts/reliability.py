"""The reliability diagram: how often an answer is right, given how sure it was.

After Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning"
(2005), section 3, with Wilson's 95 % interval for each bin and the bins' sizes below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.report.charts.axes import Plot, Scale, frame
from convwise.report.charts.svg import drawing, element
from convwise.report.wording import counted, percent

WIDTH, HEIGHT = 440, 480
LEFT, RIGHT, TOP, STRIP, BOTTOM = 46, 16, 36, 64, 46
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Bin:
    """Images whose probability lay in low…high: mean confidence and accuracy, both 0…1."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def reliability_diagram(
    bins: Sequence[Bin], key: str = "reliability", title: str = "Reliability diagram"
) -> Markup:
    """Return the diagram as SVG.

    Args:
        bins: at least one; those without images must have been left out.
        key: unique on the page.
        title: what it shows.
    """
    floor = HEIGHT - BOTTOM - STRIP
    x = Scale(0, 1, LEFT, WIDTH - RIGHT, TICKS)
    plot = Plot(x, Scale(0, 1, floor - 18, TOP, TICKS))
    low = Plot(x, Scale(0, max(one.images for one in bins), HEIGHT - BOTTOM, floor, ()))
    return drawing(
        key,
        title,
        " ".join(f"{_told(one)}." for one in bins),
        (WIDTH, HEIGHT),
        _upper_frame(plot),
        frame(low, "Probability given to the answer (%)", "", _per_cent, _per_cent),
        element("text", "Images", class_="tick", x=0, y=HEIGHT - BOTTOM - 4),
        *(_bin(plot, low, one) for one in bins),
    )


def wilson(right: float, images: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson (1927).

    Example:
        >>> low, high = wilson(8, 10)
        >>> f"{low:.3f} {high:.3f}"
        '0.490 0.943'
    """
    z = 1.959964
    share, weight = right / images, z * z / images
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / images + weight / (4 * images)) / (1 + weight)
    return (max(0.0, middle - half), min(1.0, middle + half))


def _upper_frame(plot: Plot) -> Markup:
    corners = {"x1": plot.x(0), "y1": plot.y(0), "x2": plot.x(1), "y2": plot.y(1)}
    grid = [element("text", "Right answers (%)", class_="axis", x=0, y=TOP - 16)]
    for tick in plot.y.ticks:
        y = plot.y(tick)
        grid.append(element("line", class_="grid", x1=plot.x(0), x2=plot.x(1), y1=y, y2=y))
        grid.append(
            element("text", _per_cent(tick), class_="tick", x=LEFT - 8, y=y + 4, text_anchor="end")
        )
    diagonal = element("line", class_="ideal", **corners)
    note = element(
        "text", "ideal", class_="tick", x=plot.x(0.11), y=plot.y(0.15), text_anchor="end"
    )
    return Markup("").join([*grid, diagonal, note])


def _bin(plot: Plot, low: Plot, one: Bin) -> Markup:
    x, y = plot.place(one.confidence, one.accuracy)
    bottom, top = wilson(one.accuracy * one.images, one.images)
    left, right = low.x(one.low) + 1, low.x(one.high) - 1
    tall = max(1.0, low.y(0) - low.y(one.images))
    return element(
        "g",
        element("title", _told(one)),
        element(
            "rect",
            class_="hit",
            x=left,
            y=plot.y.end,
            width=max(right - left, 1),
            height=low.y.start - plot.y.end,
        ),
        element(
            "rect",
            class_="bar",
            x=left,
            y=low.y(0) - tall,
            width=max(right - left, 1),
            height=tall,
        ),
        element("line", class_="whisker", x1=x, x2=x, y1=plot.y(bottom), y2=plot.y(top)),
        element("circle", class_="dot first", cx=x, cy=y, r=4.5),
        class_="bin",
    )


def _told(one: Bin) -> str:
    return (
        f"{counted(one.images, 'image')} with {percent(one.confidence)} "
        f"on average, {percent(one.accuracy)} right"
    )


def _per_cent(share: float) -> str:
    return f"{share * 100:g}"
