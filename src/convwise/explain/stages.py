"""The filters of a network, each with the place where its map is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.design.activation import Activation
from convwise.design.convolution import Convolution
from convwise.design.layer import Layer
from convwise.design.layer_normalization import LayerNormalization
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Plan, Row

# What works on each value of a filter's map alone belongs to the filter.
_COMPLETES: tuple[type[Layer], ...] = (Activation, BatchNormalization, LayerNormalization)


@dataclass(frozen=True)
class Stage:
    """A layer of filters.

    Args:
        filters: the convolution.
        output: the last row that only normalises or activates its map; the convolution itself
            where there is none.
    """

    filters: Row
    output: Row


def stages(plan: Plan) -> tuple[Stage, ...]:
    """Return all layers of filters, in order of execution.

    Example:
        >>> from convwise.design.plan import plan
        >>> made = plan("conv 8 3 norm relu | maxpool 2 | flatten | dense classes", "8x8x1", 2)
        >>> [(stage.filters.name, stage.output.name) for stage in stages(made)]
        [('conv1', 'activation1')]
    """
    order = {row.name: place for place, row in enumerate(plan.rows)}
    found = [
        Stage(row, _complete(rows[place:]))
        for rows in plan.sequences
        for place, row in enumerate(rows)
        if isinstance(row.layer, Convolution)
    ]
    return tuple(sorted(found, key=lambda stage: order[stage.filters.name]))


def some_stages(plan: Plan, most: int) -> tuple[Stage, ...]:
    """Return the stages, or so many of them: the first, the last, and others evenly between."""
    every = stages(plan)
    if len(every) <= most:
        return every
    places = sorted({round(step * (len(every) - 1) / (most - 1)) for step in range(most)})
    return tuple(every[place] for place in places)


def _complete(rows: Sequence[Row]) -> Row:
    last = rows[0]
    for row in rows[1:]:
        if not isinstance(row.layer, _COMPLETES):
            break
        last = row
    return last
