"""What torch makes of one layer, and how arguments of windows are written there."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from convwise.design.activation import LEAKY_RELU_SLOPE
from convwise.design.layer import Layer, Shape
from convwise.design.plan import Row
from convwise.design.source.layout import Call
from convwise.design.window import Window
from convwise.errors import DesignError

FUNCTIONS = {
    "relu": "F.relu({x})",
    "relu6": "F.relu6({x})",
    "leaky_relu": f"F.leaky_relu({{x}}, {LEAKY_RELU_SLOPE})",
    "elu": "F.elu({x})",
    "gelu": "F.gelu({x})",
    "silu": "F.silu({x})",
    "tanh": "torch.tanh({x})",
    "sigmoid": "torch.sigmoid({x})",
    "softmax": "F.softmax({x}, dim=1)",
}
SELF = "{self}({x})"
"""The layer's module applied to the present value."""


@dataclass(frozen=True)
class Lowered:
    """A layer in torch.

    Args:
        module: makes the layer's module; None where torch needs none.
        stages: what is done to the value ``{x}``, one after the other; ``{self}`` is the module.
        without: parameters of the module that are taken away again.
        note: said where there is no module whose name would say it.
    """

    module: str | Call | None
    stages: tuple[str, ...] = (SELF,)
    without: tuple[str, ...] = ()
    note: str = ""


@functools.singledispatch
def lower(layer: Layer, row: Row) -> Lowered:
    """Return a row's layer in torch.

    Raises:
        DesignError: nothing is known for this kind of layer.
    """
    raise DesignError(f"{type(layer).__name__} has no source in torch", layer=row.name)


def size(pair: tuple[int, int]) -> str:
    """Return one number for both axes where they agree."""
    return str(pair[0]) if pair[0] == pair[1] else str(pair)


def named(name: str, pair: tuple[int, int]) -> list[str]:
    """Return the argument, or nothing where it is 1, torch's default."""
    return [f"{name}={size(pair)}"] if pair != (1, 1) else []


def sides(window: Window, shape: Shape) -> str:
    """Return zeros of ``same`` as F.pad takes them: (left, right, top, bottom)."""
    rows, columns = window.pads(shape)
    return str((*columns, *rows))


def is_even(window: Window, shape: Shape) -> bool:
    """Return whether padding is the same before and after, as torch's own layers have it."""
    return all(before == after for before, after in window.pads(shape))


def padding_of(window: Window, shape: Shape) -> str:
    """Return the argument that pads alike before and after, or nothing."""
    (top, _), (left, _) = window.pads(shape)
    return f"padding={size((top, left))}" if top or left else ""
