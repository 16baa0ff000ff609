"""Widths at which two designs cost the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from convwise.design.plan import plan
from convwise.errors import DesignError
from convwise.studies.task import Shape

Resource = Literal["params", "flops"]
MOST = 1 << 20


def cost_of(network: str, image: Shape, classes: int, cost: Resource) -> int:
    """Return a network's parameters, or its FLOPs for one image.

    Example:
        >>> cost_of("lenet", (28, 28, 1), 10, "params")
        61706
    """
    found = plan(network, image, classes).require()
    return found.total_params if cost == "params" else found.total_flops


def width_for(
    network: Callable[[int], str], target: int, cost: Resource, image: Shape, classes: int
) -> int:
    """Return the width at which a family of networks comes nearest to a cost.

    Args:
        network: the text for a width of 1 and more; wider ones cost more.
        target: parameters or FLOPs to come near to.
        cost: which of the two.
        image: (height, width, channels).
        classes: how many.

    Raises:
        DesignError: even a million units cost less.

    Example:
        >>> width_for(lambda units: f"flatten | dense {units} | dense classes",
        ...           101_770, "params", (28, 28, 1), 10)
        128
    """

    def at(width: int) -> int:
        return cost_of(network(width), image, classes, cost)

    low, high = 1, 1
    while at(high) < target:
        low, high = high, 2 * high
        if high > MOST:
            raise DesignError(f"no width gives {target:,} {cost}; lower the target")
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if at(middle) < target else (low, middle)
    return min((width for width in (low - 1, low) if width), key=lambda w: abs(at(w) - target))
