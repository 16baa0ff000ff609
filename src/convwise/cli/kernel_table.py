"""The table of the race between fused kernels and torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table


def kernel_table(heats: Sequence[dict[str, Any]]) -> Table | str:
    """Return a row for each kind of layer that was raced.

    Args:
        heats: ``kernels`` of a ``run.json``.

    Example:
        >>> kernel_table([])
        'no layer of this network was raced'
    """
    if not heats:
        return "no layer of this network was raced"
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("layer", "input", "type"):
        table.add_column(title)
    for title in ("torch ms", "kernel ms"):
        table.add_column(title, justify="right")
    table.add_column("used", overflow="fold")
    for heat in heats:
        first, *others = heat["layers"]
        table.add_row(
            first + (f" and {len(others)} more" if others else ""),
            "×".join(map(str, heat["shape"])),
            heat["number"],
            f"{heat['torch_ms']:.2f}",
            f"{heat['kernel_ms']:.2f}",
            f"{heat['winner']}: {heat['reason']}",
        )
    return table
