"""The table of the race between fp32 and bf16, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table


def precision_table(heats: Sequence[dict[str, Any]]) -> Table | str:
    """Return a row for each kind of layer that was raced.

    Args:
        heats: ``precision_by_layer`` of a ``run.json``.

    Example:
        >>> precision_table([])
        'no layer was raced in bf16'
    """
    if not heats:
        return "no layer was raced in bf16"
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("layer", "input"):
        table.add_column(title)
    for title in ("fp32 ms", "bf16 ms", "error"):
        table.add_column(title, justify="right")
    table.add_column("used", overflow="fold")
    for heat in heats:
        first, *others = heat["layers"]
        timed = heat["fp32_ms"] > 0
        table.add_row(
            first + (f" and {len(others)} more" if others else ""),
            "×".join(map(str, heat["shape"])),
            f"{heat['fp32_ms']:.2f}" if timed else "–",
            f"{heat['bf16_ms']:.2f}" if timed else "–",
            "–" if heat["error"] is None else f"{100 * heat['error']:.2f} %",
            f"{heat['chosen']}: {heat['reason']}",
        )
    return table
