"""A plan for people, as a table of 80 columns, and for programs, as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convwise.design.layer import show
from convwise.design.notation import describe
from convwise.design.plan import Plan, Row

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def to_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain JSON values.

    ``layers`` holds one object a row (``name``, ``layer``, ``output_shape``, ``params``, ``flops``,
    ``other_flops``, ``receptive_field``, ``border_coverage``); totals follow, and ``problem``
    (``layer``, ``message``, ``fixes``) where the design is broken.

    Example:
        >>> from convwise.design.plan import plan
        >>> to_json(plan("keras-convnet", "28x28x1", 10))["total_params"]
        34826
    """
    values: dict[str, Any] = {
        "image": list(plan.image),
        "classes": plan.classes,
        "network": plan.network.to_text(),
        "layers": [_row_to_json(row) for row in plan.rows],
        "total_params": plan.total_params,
        "trainable_params": plan.trainable_params,
        "total_flops": plan.total_flops,
        "total_other_flops": plan.total_other_flops,
    }
    if plan.problem:
        values["problem"] = {
            "layer": plan.problem.layer,
            "message": plan.problem.message,
            "fixes": list(plan.problem.fixes),
        }
    return values


def summary(plan: Plan) -> Group:
    """Return the table, the totals and the problem of a plan, to be printed by rich."""
    from rich.console import Group
    from rich.text import Text

    return Group(table(plan), Text(), *(Text(line) for line in _totals(plan)), *_problem(plan))


def table(plan: Plan) -> Table:
    """Return a rich table, a line a row; layers inside a block stand indented above its line."""
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    made.add_column("name", no_wrap=True)
    made.add_column("layer", ratio=1, overflow="fold")
    made.add_column("output", no_wrap=True)
    for heading in ("params", "FLOPs", "sees", "border"):
        made.add_column(heading, justify="right", no_wrap=True)
    for depth, row in _indented(plan.tree, 0):
        made.add_row("  " * depth + row.name, *_cells(row))
    return made


def render(plan: Plan, width: int = 80) -> str:
    """Return what :func:`summary` prints, as plain text of at most ``width`` columns."""
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(plan))
    lines = captured.get().splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        describe(row.layer),
        show(row.output_shape),
        f"{row.params:,}",
        f"{row.flops:,}",
        _field(row.receptive_field),
        _coverage(row.border_coverage),
    )


def _totals(plan: Plan) -> Iterator[str]:
    running = plan.total_params - plan.trainable_params
    yield f"params       {plan.total_params:,}" + (
        f" ({plan.trainable_params:,} trained, {running:,} running averages)" if running else ""
    )
    yield f"FLOPs        {plan.total_flops:,} in convolutions and dense layers, for one image"
    yield f"other FLOPs  {plan.total_other_flops:,} in pooling, normalisation, activation, addition"
    yield "sees: image pixels that one value sees; border: windows of a corner pixel ÷ the centre's"


def _problem(plan: Plan) -> Iterator[Any]:
    from rich.text import Text

    if plan.problem is None:
        return
    yield Text()
    yield Text(f"{plan.problem.layer}: {plan.problem.message}", style="bold red")
    for fix in plan.problem.fixes:
        yield Text(f"  fix: {fix}")


def _field(field: tuple[int, int] | None) -> str:
    if field is None:
        return "all"
    return str(field[0]) if field[0] == field[1] else show(field)


def _coverage(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return "<0.01" if 0 < ratio < 0.01 else f"{ratio:.2f}"


def _indented(rows: Sequence[Row], depth: int) -> Iterator[tuple[int, Row]]:
    for row in rows:
        for branch in row.branches:
            yield from _indented(branch, depth + 1)
        yield depth, row


def _row_to_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "layer": describe(row.layer),
        "output_shape": list(row.output_shape),
        "params": row.params,
        "flops": row.flops,
        "other_flops": row.other_flops,
        "receptive_field": list(row.receptive_field) if row.receptive_field else None,
        "border_coverage": row.border_coverage,
    }


def catalogue() -> Table:
    """Return a rich table of the networks that convwise knows by name."""
    from rich.table import Table

    from convwise.design import zoo
    from convwise.design.plan import plan

    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    made.add_column("name", no_wrap=True)
    made.add_column("what it is", ratio=1)
    made.add_column("year", justify="right")
    made.add_column("params", justify="right", no_wrap=True)
    made.add_column("at", no_wrap=True)
    for name in zoo.names():
        entry = zoo.entry(name)
        params = plan(entry.network, entry.image, 10).total_params
        made.add_row(name, entry.title, str(entry.year), f"{params:,}", show(entry.image))
    return made
