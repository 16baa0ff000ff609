"""The table of layers with what each of them sees, as the design's and the run's page show it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from convwise.design.plan import Plan
from convwise.report.design_field import field_drawing, field_of, last_map
from convwise.report.design_table import Part, parts
from convwise.report.wording import count


@dataclass(frozen=True)
class LayerTable:
    """The layers, their totals, and the picture beside them."""

    parts: tuple[Part, ...]
    params: str
    flops: str
    field: Markup
    words: str


def layer_table(plan: Plan, picture: str, shows: str) -> LayerTable:
    """Return the table of a plan that has rows.

    Args:
        plan: whole or broken.
        picture: data URI of an image of the plan's proportions.
        shows: what is seen in it.
    """
    chosen = last_map(plan) or plan.rows[-1]
    field = field_of(chosen, plan.image)
    fields = [field_of(row, plan.image) for row in plan.rows]
    return LayerTable(
        parts=parts(plan, chosen),
        params=count(plan.total_params),
        flops=count(plan.total_flops),
        field=field_drawing(field, fields, plan.image, picture, shows),
        words=field.words,
    )
