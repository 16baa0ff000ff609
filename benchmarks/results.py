"""From measurements to medians, ranges and ratios."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from measuring import paired_ratios, spread

OURS = "convwise"

Facts = dict[str, Any]


def summarise(cells: Sequence[Facts], defaults: Sequence[str], of: Sequence[str]) -> Facts:
    """Return ``results``, a row for each cell, and ``ratios`` to each peer of its group.

    Args:
        cells: a row for each network, batch size and contender, with ``learn``, and with ``rounds``
            that hold the figures. One without rounds that was given up while learning is projected:
            it has the speed of its first steps.
        defaults: names of those who are what their library does unless told otherwise.
        of: names of figures; ratios are taken of those that speak of images.
    """
    results = [_result(cell, of) for cell in cells]
    ratios = [
        _ratio(ours, theirs, cells, figure)
        for ours in results
        for theirs in results
        for figure in of
        if ours["contender"] == OURS != theirs["contender"]
        and _group(ours) == _group(theirs)
        and figure.startswith("images_per_second")
        and figure in ours
        and figure in theirs
    ]
    return {"results": results, "ratios": ratios, "best": _best(results, ratios, defaults, of[0])}


def _group(row: Facts) -> tuple[str, int]:
    return row["net"], row["batch"]


def _result(cell: Facts, of: Sequence[str]) -> Facts:
    row: Facts = {name: cell[name] for name in ("net", "batch", "contender")}
    rounds = [each for each in cell["rounds"] if "error" not in each]
    learnt = cell.get("learn", {})
    row["n"] = len(rounds)
    row["failed"] = len(cell["rounds"]) - len(rounds)
    row["projected"] = bool(learnt.get("given_up")) and not rounds
    told = cell | learnt | (rounds[0] if rounds else {})
    once = ("precision", "versions", "parameters", "steps", "train_accuracy", "test_accuracy")
    row |= {name: told[name] for name in (*once, "agreement_with_fp32") if name in told}
    if "error" in cell:
        row["error"] = cell["error"]
    if rounds:
        for figure in (*of, "other_cores_busy"):
            values = [each[figure] for each in rounds if each.get(figure) is not None]
            row |= {figure: spread(values)} if values else {}
    elif row["projected"]:
        speeds = (figure for figure in of if figure.startswith("images_per_second"))
        row |= {figure: spread([learnt["images_per_second"]]) for figure in speeds}
    elif "error" not in cell:
        errors = [each["error"] for each in cell["rounds"]]
        row["error"] = errors[0] if errors else "not measured"
    return row


def _ratio(ours: Facts, theirs: Facts, cells: Iterable[Facts], figure: str) -> Facts:
    by_round = []
    for row in (ours, theirs):
        cell = next(
            each
            for each in cells
            if _group(each) == _group(row) and each["contender"] == row["contender"]
        )
        by_round.append({each["round"]: each[figure] for each in cell["rounds"] if figure in each})
    our_rounds, their_rounds = by_round
    if theirs["projected"]:
        their_rounds = dict.fromkeys(our_rounds or {0: 0.0}, theirs[figure]["median"])
    if ours["projected"]:
        our_rounds = dict.fromkeys(their_rounds, ours[figure]["median"])
    ratios = paired_ratios(our_rounds, their_rounds)
    row = {name: ours[name] for name in ("net", "batch")}
    row |= {"peer": theirs["contender"], "of": figure, "n": len(ratios)}
    row["projected"] = theirs["projected"] or ours["projected"]
    return row | (spread(ratios) if ratios else {})


def _best(
    results: Sequence[Facts], ratios: Sequence[Facts], defaults: Sequence[str], figure: str
) -> list[Facts]:
    """Return for each group the ratio to the quickest peer, and to the quickest default one."""
    found = []
    for group in dict.fromkeys(map(_group, results)):
        peers = [
            row
            for row in results
            if _group(row) == group and row["contender"] != OURS and figure in row
        ]
        for role, chosen in (
            ("best", peers),
            ("best default", [row for row in peers if row["contender"] in defaults]),
        ):
            if not chosen:
                continue
            peer = max(chosen, key=lambda row: row[figure]["median"])["contender"]
            ratio = [
                row
                for row in ratios
                if _group(row) == group and row["peer"] == peer and row["of"] == figure
            ]
            found += [{"role": role, **row} for row in ratio if "median" in row]
    return found


def figure(values: Facts | None, form: str) -> str:
    """Return a median and, in brackets, what it varies between.

    Example:
        >>> figure({"min": 1.0, "median": 2.0, "max": 3.0}, ".1f"), figure(None, ".1f")
        ('2.0 (1.0–3.0)', '–')
    """
    if values is None or "median" not in values:
        return "–"
    middle = format(values["median"], form)
    if values["min"] == values["max"]:
        return middle
    return f"{middle} ({format(values['min'], form)}–{format(values['max'], form)})"
