"""A design as one self-contained page: its maps, its table, what it sees, and how to repair it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from convwise.design.advice import Advice, advise
from convwise.design.layer import show
from convwise.design.memory import BYTES_PER_VALUE, activation_memory
from convwise.design.plan import Plan
from convwise.design.side_by_side import learnt_depth
from convwise.report.design_border import Border, border
from convwise.report.design_maps import maps_drawing, maps_scale
from convwise.report.design_picture import example_picture
from convwise.report.design_words import (
    amount,
    bytes_of_memory,
    origin_of,
    sentences,
    title_of,
)
from convwise.report.facts import Fact
from convwise.report.layer_table import LayerTable, layer_table
from convwise.report.page_writer import render
from convwise.report.pictures import png_data_uri
from convwise.report.wording import count, counted


@dataclass(frozen=True)
class Fix:
    """The problem of a broken design and the edits that repair it."""

    layer: str
    message: str
    fixes: tuple[str, ...]


@dataclass(frozen=True)
class DesignPage:
    """The template's whole context."""

    title: str
    asked: str
    origin: str | None
    said: tuple[str, ...]
    figures: tuple[Fact, ...]
    problem: Fix | None
    warnings: tuple[Advice, ...]
    maps: Markup
    scale: str
    table: LayerTable | None
    border: Border | None
    cost: tuple[Fact, ...]
    text: str


def design_page(plan: Plan, batch: int = 1, object_size: int | None = None) -> str:
    """Return a design as one HTML file that asks for nothing beyond itself.

    Args:
        plan: whole, or broken: then its rows so far, the problem and its fixes.
        batch: images at once, for the memory of activations.
        object_size: pixels across what has to be recognised, for the warnings.

    Raises:
        OptionError: the batch or the object's size is out of range.

    Example:
        >>> from convwise.design.plan import plan
        >>> design_page(plan("lenet", "28x28x1", 10))[:15]
        '<!doctype html>'
    """
    return render(
        "design.html.j2",
        script="design.js",
        styles=("style.css", "layers.css", "design.css"),
        page=design_contents(plan, batch, object_size),
    )


def design_contents(
    plan: Plan, batch: int = 1, object_size: int | None = None, *, room: float = 1120.0
) -> DesignPage:
    """Return what a page says about a design; the lab shows it too.

    Args:
        plan: whole, or broken.
        batch: images at once, for the memory of activations.
        object_size: pixels across what has to be recognised, for the warnings.
        room: pixels of the page that the maps are spread over.

    Raises:
        OptionError: the batch or the object's size is out of range.
    """
    picture = png_data_uri(example_picture(*plan.image[:2]))
    return DesignPage(
        title=title_of(plan),
        asked=f"{show(plan.image)} image, {counted(plan.classes, 'class', 'classes')}",
        origin=origin_of(plan),
        said=sentences(plan),
        figures=() if plan.problem else _figures(plan, batch),
        problem=_fix(plan),
        warnings=advise(plan, object_size),
        maps=maps_drawing(plan, picture, room),
        scale=maps_scale(plan),
        table=layer_table(plan, picture, "an ankle boot") if plan.rows else None,
        border=border(plan),
        cost=_cost(plan, batch),
        text=plan.network.to_text(),
    )


def _figures(plan: Plan, batch: int) -> tuple[Fact, ...]:
    """Return the figures at the top, in the order in which people ask for them."""
    memory = activation_memory(plan, batch)
    found = [
        Fact("Parameters", amount(plan.total_params)),
        Fact("FLOPs an image", amount(plan.total_flops)),
        Fact(f"Memory to train on {counted(batch, 'image')}", bytes_of_memory(memory.training)),
        Fact("Learnt layers, one after the other", count(learnt_depth(plan))),
    ]
    last = plan.extractor[-1] if plan.extractor else None
    if last and last.receptive_field:
        found.append(Fact("Pixels that its last map sees", show(last.receptive_field)))
    if last and last.border_coverage is not None:
        found.append(Fact("Border coverage, corner ÷ centre", f"{last.border_coverage:.2g}"))
    return tuple(found)


def _fix(plan: Plan) -> Fix | None:
    if plan.problem is None:
        return None
    return Fix(plan.problem.layer, plan.problem.message, plan.problem.fixes)


def _cost(plan: Plan, batch: int) -> tuple[Fact, ...]:
    memory = activation_memory(plan, batch)
    images = counted(batch, "image")
    still = plan.total_params - plan.trainable_params
    weights = count(plan.total_params)
    if still:
        weights += f", of which training changes {count(plan.trainable_params)} by their gradients"
    return (
        Fact("Parameters", weights),
        Fact("Weights in float32", bytes_of_memory(plan.total_params * BYTES_PER_VALUE)),
        Fact(f"Activations to train on {images}", bytes_of_memory(memory.training)),
        Fact(f"Activations to predict {images}", bytes_of_memory(memory.prediction)),
        Fact("FLOPs of convolutions and dense layers", f"{count(plan.total_flops)} an image"),
        Fact("Operations of all else", f"{count(plan.total_other_flops)} an image"),
    )
