"""A stand-alone SVG picture that reads well on light and on dark pages."""

from __future__ import annotations

from markupsafe import Markup

from convwise.report.charts.svg import element

# The picture has a ground of its own: a page may be dark where the browser is set to light.
STYLE = """
:root { --paper: #fdfdfc; --ink: #171b1e; --soft: #545e65; --line: #cfd5d7; --accent: #0a6078;
  --heat: #5fb0c6; --second: #9a4a00; --warm: #e9a25b; }
@media (prefers-color-scheme: dark) { :root { --paper: #111517; --ink: #e8ecee; --soft: #a0abb1;
  --line: #3a444a; --accent: #69c5db; --heat: #107390; --second: #f0a860; --warm: #8f4d10; } }
text { font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial,
  sans-serif; font-size: 13px; fill: var(--ink); font-variant-numeric: tabular-nums; }
.paper { fill: var(--paper); }
.title { font-weight: 600; }
.soft, .tick, .axis { fill: var(--soft); font-size: 12px; }
.value { text-anchor: middle; font-size: 12px; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.cell { fill: none; stroke: var(--line); }
.heat { fill: var(--heat); }
.warm { fill: var(--warm); }
.grid { stroke: var(--line); }
.base { stroke: var(--soft); }
.line { fill: none; stroke-width: 2.5; }
.line.first, .outline.first, .arrow { stroke: var(--accent); }
.line.second, .outline.second { stroke: var(--second); }
.line.third { stroke: var(--soft); stroke-dasharray: 6 4; }
.dot.first { fill: var(--accent); } .dot.second { fill: var(--second); }
.dot.third { fill: var(--soft); }
.name { font-weight: 600; } .name.first { fill: var(--accent); }
.name.second { fill: var(--second); } .name.third { fill: var(--soft); }
.outline { fill: none; stroke-width: 3; }
.arrow { fill: none; stroke-width: 2; }
.missed { stroke: var(--second); stroke-width: 1.5; }
"""


def picture(
    key: str, title: str, description: str, size: tuple[float, float], *children: Markup
) -> str:
    """Return a whole SVG file.

    Args:
        key: the ids of title and description begin with it.
        title: what it shows, in a few words.
        description: what one sees in it, for those who cannot.
        size: (width, height) in pixels.
        children: what is drawn.
    """
    width, height = size
    root = element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        Markup(f"<style>{STYLE}</style>"),
        element("rect", class_="paper", width=width, height=height, rx=8),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
    )
    return str(root).replace("><", ">\n<") + "\n"


def text(words: str, x: float, y: float, class_: str = "") -> Markup:
    """Return words whose baseline starts at (x, y), or as the class says."""
    return element("text", words, class_=class_ or None, x=x, y=y)


def arrow(x: float, y: float, length: float = 26) -> Markup:
    """Return an arrow that points to the right."""
    end = x + length
    path = f"M{x:g} {y:g}H{end:g}M{end - 6:g} {y - 5:g}L{end:g} {y:g}L{end - 6:g} {y + 5:g}"
    return element("path", class_="arrow", d=path)


def joined(*parts: Markup) -> Markup:
    """Return parts one behind the other."""
    return Markup("").join(parts)


def table(head: list[str], rows: list[list[object]], left: int = 1) -> str:
    """Return a Markdown table; the first ``left`` columns stand at the left, numbers at the right.

    Whole numbers get a comma for thousands.
    """
    lines = [head, ["---"] * left + ["---:"] * (len(head) - left)]
    lines += [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
