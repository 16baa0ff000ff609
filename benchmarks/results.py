"""From measurements to medians, ranges, ratios and a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from measuring import paired_ratios, spread

OURS = "convwise"
SPEEDS = ("images_per_second", "images_per_second_all_epochs")
_FIGURES = (*SPEEDS, "seconds", "test_accuracy", "peak_memory_mb", "other_cores_busy")

Facts = dict[str, Any]


def summarise(probes: list[Facts], measurements: list[Facts]) -> Facts:
    """Return ``results``, a row for each contender and batch size, and ``ratios`` to each peer.

    A contender that was too slow to be measured has the speed of its probe, and says
    ``"projected": true``; one whose every run failed has ``error``.
    """
    results = [_result(probe, _of(probe, measurements)) for probe in probes]
    ratios = [
        _ratio(ours, theirs, measurements, speed)
        for ours in results
        for theirs in results
        for speed in SPEEDS
        if ours["contender"] == OURS != theirs["contender"]
        and ours["batch"] == theirs["batch"]
        and speed in ours
        and speed in theirs
    ]
    return {"results": results, "ratios": ratios}


def _of(probe: Facts, measurements: Iterable[Facts]) -> list[Facts]:
    return [
        each
        for each in measurements
        if (each["contender"], each["batch"]) == (probe["contender"], probe["batch"])
    ]


def _result(probe: Facts, measurements: list[Facts]) -> Facts:
    done = [each for each in measurements if "error" not in each]
    row: Facts = {"contender": probe["contender"], "batch": probe["batch"], "n": len(done)}
    row["failed"] = len(measurements) - len(done)
    row["projected"] = not probe["measured"] and "error" not in probe
    told = done[0] if done else probe
    row |= {name: told[name] for name in ("precision", "versions") if name in told}
    if done:
        for name in _FIGURES:
            values = [each[name] for each in done if each.get(name) is not None]
            row |= {name: spread(values)} if values else {}
    elif row["projected"]:
        row |= {speed: spread([probe["images_per_second"]]) for speed in SPEEDS}
        row["seconds"] = spread([probe["projected_seconds"]])
    else:
        errors = [each["error"] for each in [probe, *measurements] if "error" in each]
        row["error"] = errors[0] if errors else "not measured"
    return row


def _ratio(ours: Facts, theirs: Facts, measurements: list[Facts], speed: str) -> Facts:
    our_rounds = {each["round"]: each[speed] for each in _of(ours, measurements) if speed in each}
    if theirs["projected"]:
        their_rounds = dict.fromkeys(our_rounds, theirs[speed]["median"])
    else:
        found = _of(theirs, measurements)
        their_rounds = {each["round"]: each[speed] for each in found if speed in each}
    if ours["projected"]:
        if theirs["projected"]:
            their_rounds = {0: theirs[speed]["median"]}
        our_rounds = dict.fromkeys(their_rounds, ours[speed]["median"])
    ratios = paired_ratios(our_rounds, their_rounds)
    row = {"peer": theirs["contender"], "batch": ours["batch"], "of": speed, "n": len(ratios)}
    row["projected"] = theirs["projected"] or ours["projected"]
    return row | (spread(ratios) if ratios else {})


def to_markdown(facts: Facts) -> str:
    """Return the tables that people read."""
    task, machine = facts["task"], facts["machine"]
    last, every = f"epoch {task['epochs']}", "all epochs and start"
    lines = [
        f"{task['network']} on {task['images']:,} images of {task['data']},"
        f" epochs: {task['epochs']}; {machine['cpu']}, {machine['threads']} threads,"
        f" {machine['memory_gb']} GB; {facts['date']}. Medians (smallest–largest)."
        + (" A trial with --quick, not a result." if facts["quick"] else ""),
        "",
        f"| batch | contender | images/s, {last} | images/s, {every}"
        " | seconds | test accuracy | others' cores | n |",
        "|--:|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for row in facts["results"]:
        cells = [str(row["batch"]), row["contender"]]
        if "error" in row:
            cells += [row["error"], "", "", "", ""]
        else:
            cells += [_figure(row.get(name), ",.0f") for name in SPEEDS]
            cells += [_figure(row.get("seconds"), ",.1f"), _figure(row.get("test_accuracy"), ".4f")]
            cells.append(_figure(row.get("other_cores_busy"), ".2f"))
        cells.append("projected" if row["projected"] else str(row["n"]))
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"| batch | {OURS} ÷ | images/s, {last} | images/s, {every} | n |",
        "|--:|:--|--:|--:|--:|",
    ]
    by_peer: dict[tuple[int, str], dict[str, Facts]] = {}
    for row in facts["ratios"]:
        by_peer.setdefault((row["batch"], row["peer"]), {})[row["of"]] = row
    for (batch, peer), found in by_peer.items():
        figures = [_figure(found.get(speed), ".2f") for speed in SPEEDS]
        row = found[SPEEDS[0]]
        count = f"{row['n']}, projected" if row["projected"] else str(row["n"])
        lines.append(f"| {batch} | {peer} | {' | '.join(figures)} | {count} |")
    return "\n".join(lines)


def _figure(values: Facts | None, form: str) -> str:
    if values is None or "median" not in values:
        return "–"
    middle = format(values["median"], form)
    if values["min"] == values["max"]:
        return middle
    return f"{middle} ({format(values['min'], form)}–{format(values['max'], form)})"
