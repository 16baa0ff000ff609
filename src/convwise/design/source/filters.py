"""Banks of filters as constants of a printed program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convwise.design.fixed_filters import FixedFilters
from convwise.design.plan import Plan

# Eight places keep a filter to a part in ten million, and a row of seven in 100 columns.
PLACES = 8


def bank_name(bank: str) -> str:
    """Return the constant that holds a bank."""
    return bank.upper()


def banks(plan: Plan) -> list[str]:
    """Return lines with a constant for each bank that a plan uses: (filters, rows, columns).

    Example:
        >>> from convwise.design.plan import plan
        >>> banks(plan("fixed sharpen | flatten | dense classes", "28x28x1", 10))[2:4]
        ['        [0, -1, 0],', '        [-1, 5, -1],']
    """
    layers = [row.layer for row in plan.rows if isinstance(row.layer, FixedFilters)]
    return [
        line for layer in {layer.bank: layer for layer in layers}.values() for line in _bank(layer)
    ]


def _bank(layer: FixedFilters) -> Iterator[str]:
    yield f"{bank_name(layer.bank)} = ["
    for each, values in zip(layer.filters, layer.values, strict=True):
        yield f"    [  # {each.name}"
        yield from (f"        {_row(row)}," for row in values)
        yield "    ],"
    yield "]"


def _row(values: Sequence[float]) -> str:
    return f"[{', '.join(_number(value) for value in values)}]"


def _number(value: float) -> str:
    rounded = round(value, PLACES)
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)
