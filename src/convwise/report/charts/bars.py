"""Small bars that stand in a line of text or a table's cell."""

from __future__ import annotations

from markupsafe import Markup

from convwise.report.charts.svg import element

WIDTH, HEIGHT = 200, 18
_INSET = 5


def interval_bar(value: float, interval: tuple[float, float] | None, floor: float) -> Markup:
    """Return a dot with its interval on a line from ``floor`` to 1; the table tells its numbers."""

    def across(share: float) -> float:
        inside = min(max((share - floor) / (1 - floor), 0), 1)
        return _INSET + inside * (WIDTH - 2 * _INSET)

    middle = HEIGHT / 2
    parts = [
        element("line", class_="grid", x1=_INSET, x2=WIDTH - _INSET, y1=middle, y2=middle),
    ]
    if interval is not None:
        low, high = interval
        parts.append(
            element("line", class_="whisker", x1=across(low), x2=across(high), y1=middle, y2=middle)
        )
    parts.append(element("circle", class_="dot first", cx=across(value), cy=middle, r=4))
    return _bar(WIDTH, *parts)


def share_bar(share: float, width: int = 60) -> Markup:
    """Return a bar as long as the share 0…1 of its width."""
    length = max(share * width, 1 if share > 0 else 0)
    return _bar(width, element("rect", class_="bar", x=0, y=5, width=length, height=8))


def score_line(
    accuracy: float, interval: tuple[float, float] | None, chance: float | None
) -> Markup:
    """Return where a score lies between 0 and 1, with the score of naming one class always."""
    width, y = 300, 9
    parts = [element("line", class_="track", x1=0, x2=width, y1=y, y2=y)]
    parts.append(element("line", class_="filled", x1=0, x2=accuracy * width, y1=y, y2=y))
    if chance is not None:
        parts.append(
            element("line", class_="chance", x1=chance * width, x2=chance * width, y1=1, y2=17)
        )
    low, high = interval or (accuracy, accuracy)
    parts.append(
        element(
            "rect",
            class_="range",
            x=min(low * width, width - 3),
            y=1,
            width=max((high - low) * width, 3),
            height=16,
        )
    )
    return element(
        "svg",
        *parts,
        class_="score-line",
        viewBox=f"0 0 {width} {HEIGHT}",
        width=width,
        height=HEIGHT,
        aria_hidden="true",
    )


def _bar(width: int, *parts: Markup) -> Markup:
    return element(
        "svg",
        *parts,
        class_="inline-bar",
        viewBox=f"0 0 {width} {HEIGHT}",
        width=width,
        height=HEIGHT,
        aria_hidden="true",
    )
