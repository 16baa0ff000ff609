"""Border coverage as a picture: how often each pixel of the image is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from convwise.design.border import border_coverage_map
from convwise.design.layer import show
from convwise.design.plan import Plan
from convwise.errors import DesignError
from convwise.explain.pictures import coloured
from convwise.report.charts.svg import drawing, element
from convwise.report.facts import Fact
from convwise.report.pictures import png_data_uri
from convwise.report.wording import percent

_SIDE, _LEGEND = 320.0, 56.0


@dataclass(frozen=True)
class Border:
    """The section about the border: its sentence, its picture and its numbers."""

    summary: str
    chart: Markup
    facts: tuple[Fact, ...]


def border(plan: Plan) -> Border | None:
    """Return how often each pixel takes part, or None where no map is left or it costs too much.

    Args:
        plan: one with a problem has no border.
    """
    if plan.problem or not plan.extractor:
        return None
    try:
        coverage = border_coverage_map(plan)
    except DesignError:
        return None
    ratio = plan.extractor[-1].border_coverage
    height, width = coverage.shape
    places = {
        "A corner pixel": coverage[0, 0],
        "The middle of the top edge": coverage[0, width // 2],
        "The middle of the left edge": coverage[height // 2, 0],
        "The pixel in the centre": coverage[height // 2, width // 2],
    }
    facts = tuple(Fact(label, percent(float(share))) for label, share in places.items())
    return Border(_summary(ratio, coverage), _chart(coverage), (*facts, *_blind(coverage)))


def _summary(ratio: float | None, coverage: npt.NDArray[np.float64]) -> str:
    if ratio is None:
        return "The pixel in the centre takes part in no window at all."
    if ratio == 1:
        return "A corner pixel takes part in as many windows as the centre pixel."
    if ratio > 1:
        return (
            f"A corner pixel takes part in {ratio:.2f} times as many windows as the centre pixel."
        )
    if ratio == 0:
        return "The corner pixels of the top left are never looked at."
    return (
        f"A corner pixel takes part in {percent(ratio)} as many windows as the centre pixel: "
        f"border coverage {ratio:.2g}."
    )


def _blind(coverage: npt.NDArray[np.float64]) -> tuple[Fact, ...]:
    unseen = int((coverage == 0).sum())
    if not unseen:
        return ()
    share = percent(unseen / coverage.size)
    return (Fact("Never looked at", f"{unseen:,} of {coverage.size:,} pixels ({share})"),)


def _chart(coverage: npt.NDArray[np.float64]) -> Markup:
    height, width = coverage.shape
    zoom = _SIDE / max(height, width)
    wide, high = width * zoom, height * zoom
    top = high + 22
    scale = png_data_uri(coloured(np.linspace(0, 1, 256)[np.newaxis]))
    heat = png_data_uri(coloured(coverage))
    legend = [
        element("image", href=scale, y=top, width=wide, height=10, preserveAspectRatio="none"),
        *(
            element("text", words, x=x, y=top + 28, text_anchor=anchor)
            for words, x, anchor in (("never", 0, "start"), ("most often", wide, "end"))
        ),
    ]
    picture = element(
        "image",
        href=heat,
        width=wide,
        height=high,
        preserveAspectRatio="none",
        class_="pixels" if max(height, width) <= 96 else None,
    )
    corner, middle = coverage[0, 0], coverage[height // 2, width // 2]
    return drawing(
        "design-border",
        "How often each pixel is looked at",
        f"A map of {show((height, width))} pixels, light where a pixel takes part in many windows. "
        f"The corner reaches {percent(float(corner))}, the centre {percent(float(middle))} of the "
        "largest value.",
        (wide, high + _LEGEND),
        picture,
        element("rect", class_="border-frame", width=wide, height=high),
        *legend,
    )
