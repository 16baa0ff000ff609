"""The table of runtime_overhead.py."""

from __future__ import annotations

from typing import Any

from results import figure

Facts = dict[str, Any]

RAW = "the runtime itself"
# In batches at least so much of the runtime's throughput; for one image at most so many µs more.
SHARE, MICROSECONDS = 0.95, 30.0


def overhead_tables(facts: Facts) -> str:
    """Return what each way through convwise costs above its runtime, and whether that is little."""
    from tables import heading, table

    rows = [
        [
            row["net"],
            row["runtime"] + " (chosen)" * (facts["chosen"].get(row["net"]) == row["runtime"]),
            str(row["batch"]),
            row["entrant"],
            figure(row["ms"], ",.3f"),
            figure(row["images_per_second"], ",.0f"),
            figure(row.get("share_of_raw"), ".3f"),
            figure(row.get("overhead_us"), ",.1f"),
            verdict(row),
            str(row["n"]),
        ]
        for row in facts["results"]
    ]
    titles = ["net", "runtime", "batch", "asked by", "ms a call", "images/s"]
    titles += ["× the runtime itself", "µs more", "goal", "n"]
    return heading(facts, "Overhead above the runtime") + "\n\n" + table(titles, rows, 4)


def verdict(row: Facts) -> str:
    """Return the goal and whether the median meets it.

    Example:
        >>> verdict({"batch": 1, "overhead_us": {"median": 31.0}})
        '≤ 30 µs missed'
    """
    if "overhead_us" not in row:
        return "–"
    if row["batch"] == 1:
        told, met = f"≤ {MICROSECONDS:g} µs", row["overhead_us"]["median"] <= MICROSECONDS
    else:
        told, met = f"≥ {SHARE:g} ×", row["share_of_raw"]["median"] >= SHARE
    return f"{told} {'met' if met else 'missed'}"
