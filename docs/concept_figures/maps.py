"""Small maps of numbers, drawn as shaded cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from concept_figures.drawing import joined, text
from convwise.report.charts.svg import element

Map = NDArray[np.float64]
Say = Callable[[float], str]


def number(value: float) -> str:
    """Return a value as it stands in a cell."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def nothing(value: float) -> str:
    """Return no text: the cell's shade says it all."""
    return ""


def cells(
    values: Map,
    x: float,
    y: float,
    side: float = 26,
    *,
    most: float | None = None,
    say: Say = number,
    class_: str = "heat",
) -> Markup:
    """Return a map as cells at (x, y), the fuller the nearer to ``most``."""
    top = float(values.max()) if most is None else most
    parts = []
    for (row, column), value in np.ndenumerate(values):
        left, above = x + column * side, y + row * side
        share = min(max(float(value) / top, 0.0), 1.0) if top > 0 else 0.0
        box = {"x": left, "y": above, "width": side, "height": side}
        parts.append(element("rect", class_=class_, fill_opacity=round(share, 3), **box))
        parts.append(element("rect", class_="cell", **box))
        if words := say(float(value)):
            parts.append(text(words, left + side / 2, above + side / 2 + 4, "value"))
    return joined(*parts)


def outline(
    x: float, y: float, rows: float, columns: float, side: float = 26, style: str = "first"
) -> Markup:
    """Return a thick frame around so many cells."""
    return element(
        "rect", class_=f"outline {style}", x=x, y=y, width=columns * side, height=rows * side
    )


def crosses(places: list[tuple[int, int]], x: float, y: float, side: float = 26) -> Markup:
    """Return a cross through each (row, column) of a map at (x, y)."""
    inset = side * 0.3
    parts = []
    for row, column in places:
        left, above = x + column * side + inset, y + row * side + inset
        right, below = left + side - 2 * inset, above + side - 2 * inset
        path = f"M{left:g} {above:g}L{right:g} {below:g}M{right:g} {above:g}L{left:g} {below:g}"
        parts.append(element("path", class_="missed", d=path))
    return joined(*parts)
