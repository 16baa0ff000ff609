"""The table of a design's page: a line a layer, what repeats folded away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from convwise.design.layer import show
from convwise.design.notation import describe
from convwise.design.plan import Plan, Row
from convwise.report.charts.svg import element
from convwise.report.design_field import Field, field_of
from convwise.report.wording import count

# Tables of at most this many rows are shown whole.
_SHORT = 40
_LONGEST_PERIOD = 8
_BAR = 64
_NOTHING = Markup("")


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Args:
        name: of the row, or what opens a branch.
        depth: blocks around it.
        layer: in the notation's words.
        output: its shape.
        params: how many, and their share of all as a bar.
        flops: likewise.
        sees: pixels down and across that one place sees.
        border: border coverage.
        field: what the place in the middle sees; None for the line that opens a branch.
    """

    name: str
    depth: int
    layer: str
    output: str = ""
    params: str = ""
    params_bar: Markup = _NOTHING
    flops: str = ""
    flops_bar: Markup = _NOTHING
    sees: str = ""
    border: str = ""
    field: Field | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Part:
    """Lines that stand together; folded ones are opened by their own line.

    Args:
        lines: in order.
        fold: what the folded lines are, or None where they are shown.
        params: of all lines of a folded part.
        flops: likewise.
    """

    lines: tuple[Line, ...]
    fold: str | None = None
    params: str = ""
    flops: str = ""


def parts(plan: Plan, chosen: Row | None) -> tuple[Part, ...]:
    """Return the table's lines; in a long table, layers that repeat are folded.

    Args:
        plan: whole or broken.
        chosen: the row whose field is drawn first.
    """
    found: list[Part] = []
    for rows, again in _runs(plan):
        lines = tuple(_lines(rows, 0, plan, chosen))
        if not again:
            found.append(Part(lines))
            continue
        inside = [row for top in rows for row in _with_branches(top)]
        found.append(
            Part(
                lines,
                f"{again} more like {'this' if again == 1 else 'these'}, to {rows[-1].name}",
                count(sum(row.params for row in inside)),
                count(sum(row.flops for row in inside)),
            )
        )
    return tuple(found)


def _with_branches(row: Row) -> Iterator[Row]:
    for branch in row.branches:
        for inner in branch:
            yield from _with_branches(inner)
    yield row


def _runs(plan: Plan) -> Iterator[tuple[Sequence[Row], int]]:
    """Yield rows of the tree in order, and how many repetitions they are; 0 for what is shown."""
    rows = plan.tree
    kinds = [_kind(row) for row in rows]
    place = start = 0
    long = len(plan.rows) > _SHORT
    while place < len(rows):
        period, times = _repetition(kinds, place) if long else (1, 1)
        folded = rows[place + period : place + period * times]
        if sum(1 for row in folded for _ in _with_branches(row)) < 4:
            place += 1
            continue
        yield rows[start : place + period], 0
        yield folded, times - 1
        place += period * times
        start = place
    if start < len(rows):
        yield rows[start:], 0


def _kind(row: Row) -> tuple[Any, ...]:
    """Return what two rows have in common that do the same to maps of the same shape."""
    inner = tuple(tuple(_kind(one) for one in branch) for branch in row.branches)
    return (describe(row.layer), row.input_shape, row.output_shape, inner)


def _repetition(kinds: Sequence[object], place: int) -> tuple[int, int]:
    """Return the period that repeats most from a place on, and how often it stands there."""
    best = (1, 1)
    for period in range(1, _LONGEST_PERIOD + 1):
        first, times = kinds[place : place + period], 1
        while first == kinds[place + period * times : place + period * (times + 1)]:
            times += 1
        if period * (times - 1) > best[0] * (best[1] - 1):
            best = (period, times)
    return best


def _lines(rows: Sequence[Row], depth: int, plan: Plan, chosen: Row | None) -> Iterator[Line]:
    for row in rows:
        several = len(row.branches) > 1
        for number, branch in enumerate(row.branches, start=1):
            if several:
                yield Line(f"branch {number}", depth + 1, "" if branch else "what came in")
            yield from _lines(branch, depth + 1 + several, plan, chosen)
        yield _line(row, depth, plan, chosen)


def _line(row: Row, depth: int, plan: Plan, chosen: Row | None) -> Line:
    return Line(
        name=row.name,
        depth=min(depth, 8),
        layer=describe(row.layer),
        output=show(row.output_shape),
        params=count(row.params) if row.params else "–",
        params_bar=_bar(row.params, plan.total_params),
        flops=count(row.flops) if row.flops else "–",
        flops_bar=_bar(row.flops, plan.total_flops),
        sees=_sees(row.receptive_field),
        border=_coverage(row.border_coverage),
        field=field_of(row, plan.image),
        chosen=row is chosen,
    )


def _bar(value: int, total: int) -> Markup:
    if not value:
        return _NOTHING
    length = max(value / total * _BAR, 1)
    return element(
        "svg",
        element("rect", class_="share-track", width=_BAR, height=3),
        element("rect", class_="bar", x=_BAR - length, width=length, height=3),
        class_="share",
        viewBox=f"0 0 {_BAR} 3",
        width=_BAR,
        height=3,
        aria_hidden="true",
    )


def _sees(field: tuple[int, int] | None) -> str:
    if field is None:
        return "all"
    return str(field[0]) if field[0] == field[1] else show(field)


def _coverage(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return "<0.01" if 0 < ratio < 0.01 else f"{ratio:.2f}"
