"""SVG elements as escaped markup."""

from __future__ import annotations

from markupsafe import Markup, escape


def element(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """Return one element; text children and attribute values are escaped.

    A trailing underscore of an attribute's name falls away, the others become hyphens.
    An attribute that is None is left out.

    Example:
        >>> element("text", "a < b", class_="tick", x=1.25)
        Markup('<text class="tick" x="1.25">a &lt; b</text>')
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")


def drawing(
    key: str, title: str, description: str, size: tuple[float, float], *children: Markup
) -> Markup:
    """Return a whole picture that a screen reader can tell.

    Args:
        key: unique on the page; the ids of title and description begin with it.
        title: what it shows, in a few words.
        description: what one sees in it, in a sentence.
        size: (width, height) in pixels of the page; it shrinks with its column.
        children: what is drawn.
    """
    width, height = size
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        class_=f"chart {key}",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
    )


def polyline(places: list[tuple[float, float]], class_: str) -> Markup:
    """Return a line through places; nothing through fewer than two."""
    if len(places) < 2:
        return Markup("")
    path = " ".join(f"{_plain(x)},{_plain(y)}" for x, y in places)
    return element("polyline", points=path, class_=class_)


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Return heights near the wanted ones, at least ``gap`` apart and within low…high.

    Example:
        >>> spread([50, 52], gap=16, low=0, high=60)
        [44, 60]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = list(wanted)
    floor = low
    for index in order:
        placed[index] = max(wanted[index], floor)
        floor = placed[index] + gap
    ceiling = high
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed


def _plain(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".")
