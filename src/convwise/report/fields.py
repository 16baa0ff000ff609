"""Typed looks into JSON that may lack a key, or hold something else there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Json = Mapping[str, object]


def number(of: Json, key: str) -> float | None:
    """Return a finite number, or None.

    Example:
        >>> number({"loss": 0.5}, "loss"), number({"loss": float("nan")}, "loss")
        (0.5, None)
    """
    return as_number(of.get(key))


def as_number(value: object) -> float | None:
    """Return a finite number as float, and None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def text(of: Json, key: str) -> str | None:
    """Return text that is not empty, or None."""
    value = of.get(key)
    return value if isinstance(value, str) and value else None


def mapping(of: Json, key: str) -> Json:
    """Return an object; an empty one where there is none."""
    value = of.get(key)
    return value if isinstance(value, Mapping) else {}


def items(of: Json, key: str) -> Sequence[object]:
    """Return a list; an empty one where there is none."""
    value = of.get(key)
    return value if isinstance(value, list | tuple) else ()


def objects(of: Json, key: str) -> tuple[Json, ...]:
    """Return the objects of a list, without whatever else is in it."""
    return tuple(item for item in items(of, key) if isinstance(item, Mapping))


def interval(of: Json, key: str) -> tuple[float, float] | None:
    """Return a pair (low, high) of finite numbers, or None."""
    ends = [as_number(end) for end in items(of, key)]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    return (ends[0], ends[1])
