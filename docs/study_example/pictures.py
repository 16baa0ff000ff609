"""The charts of a study as SVG files of their own, for pages that run no browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from markupsafe import escape

from convwise.report.study_charts import Figure, curves, differences
from convwise.studies.findings import Answer

EDGE = 16
_OPENING = re.compile(
    r'<svg class="(?P<kind>[^"]*)" viewBox="0 0 (?P<width>[\d.]+) (?P<height>[\d.]+)"[^>]*>'
)


@dataclass(frozen=True)
class Picture:
    """A chart as a file.

    Args:
        file: its name.
        svg: its content.
        words: how to read it.
    """

    file: str
    svg: str
    words: str


def pictures(answer: Answer, margin: float) -> Iterator[Picture]:
    """Yield the charts of a question: its curves, and its differences.

    Args:
        answer: to the question.
        margin: the smallest difference of interest, as a share.
    """
    name = answer.question.name
    for number, figure in enumerate(curves(answer), start=1):
        yield _picture(f"{name}-{number}.svg", figure)
    if (figures := differences(answer, margin)) is not None:
        yield _picture(f"{name}-differences.svg", figures)


def _picture(file: str, figure: Figure) -> Picture:
    return Picture(file, standing_alone(str(figure.chart)), figure.words)


def standing_alone(chart: str) -> str:
    """Return a chart of a page with the page's style and ground inside it."""
    opening = _OPENING.match(chart)
    assert opening is not None
    width, height = float(opening["width"]), float(opening["height"])
    outer, upper = width + 2 * EDGE, height + 2 * EDGE
    # The page lets a chart shrink with its column; an image has the size that it says.
    own = f".chart {{ width: {outer:g}px; max-width: none; height: {upper:g}px; min-width: 0; }}"
    paper = ".paper { fill: var(--paper); }"
    style = "\n".join([*map(_style, ("style.css", "study.css")), own, paper])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{opening["kind"]}"'
        f' viewBox="{-EDGE} {-EDGE} {outer:g} {upper:g}" width="{outer:g}" height="{upper:g}"'
        f' role="img">\n<style>{escape(style)}</style>\n'
        f'<rect class="paper" x="{-EDGE}" y="{-EDGE}" width="{outer:g}" height="{upper:g}"/>\n'
        + chart[opening.end() :].replace("><", ">\n<")
        + "\n"
    )


def _style(name: str) -> str:
    return (resources.files("convwise.report") / "templates" / name).read_text(encoding="utf-8")
