"""The tables of serve_load.py."""

from __future__ import annotations

from typing import Any

from results import figure

Facts = dict[str, Any]

NAMES = {"convwise": "convwise serve", "litserve": "LitServe", "in process": "in one process"}


def serve_tables(facts: Facts) -> str:
    """Return throughput, latency, overload and losses as Markdown."""
    from tables import heading, table

    titles = facts["kinds"]
    rows = [
        [
            titles[row["kind"]],
            NAMES[row["contender"]],
            figure(row.get("images_per_second"), ",.0f"),
            figure(row.get("times_in_process"), ".2f"),
            figure(row.get("times_litserve"), ".2f"),
            figure(row.get("p50_ms"), ".1f"),
            figure(row.get("p99_ms"), ".1f"),
            row.get("error", str(row["n"])),
        ]
        for row in facts["throughput"]
    ]
    words = ["images", "who", "images/s", "× in process", "× LitServe", "p50 ms", "p99 ms", "n"]
    parts = [heading(facts, f"Serving, {facts['clients']}"), table(words, rows, 2)]
    parts += [
        table(
            ["images", "at", "requests/s", "p50 ms", "p99 ms", "p99 / p50", "statuses"],
            [_load(titles[kind], "half load", row) for kind, row in facts["half_load"].items()]
            + [_load(titles[kind], "overload", row) for kind, row in facts["overload"].items()],
            2,
        ),
        table(
            ["images", "offered", "memory, peak", "cap", "back to normal"],
            [_overload(titles[kind], row) for kind, row in facts["overload"].items()],
        ),
        "\n".join(_losses(facts)),
    ]
    return "\n\n".join(parts)


def _load(kind: str, at: str, row: Facts) -> list[str]:
    statuses = ", ".join(f"{status}: {count:,}" for status, count in row["statuses"].items())
    return [
        kind,
        at,
        f"{row['requests'] / row['seconds']:,.0f}",
        f"{row['p50_ms']:.1f}",
        f"{row['p99_ms']:.1f}",
        f"{row['p99_ms'] / max(row['p50_ms'], 1e-9):.1f}",
        statuses,
    ]


def _overload(kind: str, row: Facts) -> list[str]:
    after = row["recovered_after_seconds"]
    return [
        kind,
        f"{row['offered_times']:.1f} ×",
        f"{row['peak_bytes'] / 2**20:,.0f} MiB",
        f"{row['memory_cap_bytes'] / 2**20:,.0f} MiB",
        "not within 15 s" if after is None else f"after {after:.1f} s",
    ]


def _losses(facts: Facts) -> list[str]:
    lines = [
        f"- {facts['kinds'][kind]}: {row['compared']:,} answers compared one by one,"
        f" {row['swapped']} swapped or wrong, largest difference {row['worst_difference']:.1e}."
        for kind, row in facts["each"].items()
    ]
    for name, what in (("drains", "stops under load"), ("swaps", "models replaced under load")):
        row = facts[name]
        lines.append(
            f"- {row['n']} {what}: {row['requests']:,} requests, {row['lost']} without an answer."
        )
    return lines
