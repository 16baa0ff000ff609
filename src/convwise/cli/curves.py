"""Curves as rows of block characters, several on one scale."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = " "


def curve(values: Sequence[float | None], scale: tuple[float, float], width: int = 40) -> str:
    """Return values as block characters; more values than ``width`` are thinned out evenly.

    Args:
        values: from left to right; None leaves a gap.
        scale: the values of the lowest and of the highest block.
        width: most characters.

    Example:
        >>> curve([0.0, None, 0.5, 1.0], (0.0, 1.0))
        '▁ ▅█'
    """
    if len(values) > width:
        last = len(values) - 1
        values = [values[round(index * last / (width - 1))] for index in range(width)]
    return "".join(GAP if value is None else _block(value, scale) for value in values)


def common_scale(curves: Sequence[Sequence[float | None]]) -> tuple[float, float] | None:
    """Return the least and the greatest value of all curves, or None without any.

    Example:
        >>> common_scale([[0.5, None], [0.75]])
        (0.5, 0.75)
    """
    present = [value for each in curves for value in each if value is not None]
    return (min(present), max(present)) if present else None


def _block(value: float, scale: tuple[float, float]) -> str:
    low, high = scale
    share = (value - low) / (high - low) if high > low else 1.0
    return BLOCKS[round(min(max(share, 0.0), 1.0) * (len(BLOCKS) - 1))]
