"""A plan for people, as a table of 80 columns, and for programs, as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convwise.design import zoo
from convwise.design.advice import Advice, advise
from convwise.design.columns import Columns
from convwise.design.layer import show
from convwise.design.memory import BYTES_PER_VALUE, activation_memory
from convwise.design.notation import describe
from convwise.design.plan import Plan, Row
from convwise.design.trace import trace

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def to_json(plan: Plan, batch: int = 1, object_size: int | None = None) -> dict[str, Any]:
    """Return a plan as plain JSON values.

    ``layers`` holds one object a row: ``name``, ``layer``, ``output_shape``, ``params``,
    ``trainable_params``, ``flops``, ``other_flops``, ``receptive_field``, ``receptive_stride``,
    ``receptive_centre`` (pixels as [rows, columns], or null), ``border_coverage`` and
    ``activation_bytes``, which training keeps for the backward pass. Totals follow, ``memory``
    (bytes in ``training`` and ``prediction`` at a ``batch``; training is the images and all
    ``activation_bytes``), ``warnings`` (``layer``, ``message``), and ``problem`` (``layer``,
    ``message``, ``fixes``) where the design is broken.

    Args:
        plan: with or without a problem.
        batch: images at once, for the memory.
        object_size: pixels across what has to be recognised, for the warnings.

    Raises:
        OptionError: the batch or the object's size is out of range.

    Example:
        >>> from convwise.design.plan import plan
        >>> to_json(plan("keras-convnet", "28x28x1", 10))["total_params"]
        34826
    """
    memory = activation_memory(plan, batch)
    values: dict[str, Any] = {
        "image": list(plan.image),
        "classes": plan.classes,
        "network": plan.network.to_text(),
        "layers": [_row_to_json(row, batch) for row in plan.rows],
        "total_params": plan.total_params,
        "trainable_params": plan.trainable_params,
        "total_flops": plan.total_flops,
        "total_other_flops": plan.total_other_flops,
        "memory": {
            "training": memory.training,
            "prediction": memory.prediction,
            "batch": batch,
        },
        "warnings": [
            {"layer": advice.layer, "message": advice.message}
            for advice in advise(plan, object_size)
        ],
    }
    if plan.problem:
        values["problem"] = {
            "layer": plan.problem.layer,
            "message": plan.problem.message,
            "fixes": list(plan.problem.fixes),
        }
    return values


def summary(plan: Plan, batch: int = 1, object_size: int | None = None) -> Group:
    """Return the table, the totals, warnings and the problem of a plan, to be printed by rich.

    Args:
        plan: with or without a problem.
        batch: images at once, for the memory.
        object_size: pixels across what has to be recognised, for the warnings.

    Raises:
        OptionError: the batch or the object's size is out of range.
    """
    from rich.console import Group
    from rich.text import Text

    return Group(
        table(plan),
        Text(),
        *(Text(line) for line in _totals(plan, batch)),
        *_warnings(advise(plan, object_size)),
        *_problem(plan),
    )


def table(plan: Plan) -> Columns:
    """Return the rows for rich, a line each; layers inside a block stand indented above its line.

    Where a block has several branches, a line of its own opens each.
    """
    headings = ("name", "layer", "output", "params", "FLOPs", "sees", "border")
    lines: list[tuple[str, ...]] = []
    for depth, line in _indented(plan.tree, 0):
        name, *cells = (line.name, *_cells(line)) if isinstance(line, Row) else line
        lines.append(("  " * depth + name, *cells, *[""] * (len(headings) - 1 - len(cells))))
    return Columns(headings, tuple(lines), left=3, folded=1)


def render(plan: Plan, width: int = 80, batch: int = 1) -> str:
    """Return what :func:`summary` prints, as plain text of at most ``width`` columns."""
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(plan, batch))
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


def _totals(plan: Plan, batch: int) -> Iterator[str]:
    memory = activation_memory(plan, batch)
    images = "one image" if batch == 1 else f"{batch:,} images"
    yield f"params       {plan.total_params:,}{_untrained(plan)}"
    yield f"FLOPs        {plan.total_flops:,} in convolutions and dense layers, for one image"
    yield f"other FLOPs  {plan.total_other_flops:,} in pooling, normalisation, activation, addition"
    yield (
        f"memory       {_scaled(memory.training, 'B')} to train, {_scaled(memory.prediction, 'B')}"
        f" to predict: activations, for {images}"
    )
    yield "sees: image pixels that one value sees; border: windows of a corner pixel ÷ the centre's"


def _untrained(plan: Plan) -> str:
    """Say what of the weights no gradient changes, where there is any."""
    still = [weight for row in plan.rows for weight in row.weights if not weight.trainable]
    if not still:
        return ""
    running = sum(weight.size for weight in still if "moving_" in weight.name)
    fixed = sum(weight.size for weight in still) - running
    parts = [f"{plan.trainable_params:,} trained"]
    parts += [f"{running:,} running averages"] * (running > 0)
    parts += [f"{fixed:,} in fixed filters"] * (fixed > 0)
    return f" ({', '.join(parts)})"


def _scaled(number: int, unit: str = "") -> str:
    """Return a number to three digits with k, M, G, T or P before its unit."""
    power = min(max(len(str(number)) - 1, 0) // 3, 5)
    if power and float(f"{number / 1000**power:.3g}") >= 1000 and power < 5:
        power += 1
    digits = f"{number / 1000**power:#.3g}".rstrip(".") if power else str(number)
    return f"{digits} {'kMGTP'[power - 1] if power else ''}{unit}".rstrip()


def _warnings(found: Sequence[Advice]) -> Iterator[Any]:
    from rich.text import Text

    if found:
        yield Text()
    for advice in found:
        yield Text(f"warning: {advice.layer}: {advice.message}", style="yellow")


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


def _indented(rows: Sequence[Row], depth: int) -> Iterator[tuple[int, Row | tuple[str, str]]]:
    """Yield how deep a line stands, and its row, or the name and the word that open a branch."""
    for row in rows:
        several = len(row.branches) > 1
        for number, branch in enumerate(row.branches, start=1):
            if several:
                yield depth + 1, (f"branch {number}", "" if branch else "what came in")
            yield from _indented(branch, depth + 1 + several)
        yield depth, row


def _row_to_json(row: Row, batch: int) -> dict[str, Any]:
    return {
        "name": row.name,
        "layer": describe(row.layer),
        "output_shape": list(row.output_shape),
        "params": row.params,
        "trainable_params": row.trainable_params,
        "flops": row.flops,
        "other_flops": row.other_flops,
        "receptive_field": _pair(row.receptive_field),
        "receptive_stride": _pair(row.receptive_stride),
        "receptive_centre": _pair(row.receptive_centre),
        "border_coverage": row.border_coverage,
        "activation_bytes": row.activation_values * batch * BYTES_PER_VALUE,
    }


def _pair(values: tuple[float, float] | None) -> list[float] | None:
    return list(values) if values else None


def catalogue() -> Table:
    """Return a rich table of the networks that convwise knows by name, at their usual images.

    Parameters are those that training changes, as papers count them.
    """
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    made.add_column("name", no_wrap=True)
    made.add_column("what it is", ratio=1)
    made.add_column("year", justify="right")
    for heading in ("params", "FLOPs"):
        made.add_column(heading, justify="right", no_wrap=True)
    made.add_column("at", no_wrap=True)
    for name in zoo.names():
        entry = zoo.entry(name)
        # Only the trace: what each place sees would take most of the time.
        steps = trace(entry.network, entry.image, entry.classes).flat
        params = sum(w.size for step in steps for w in step.weights if w.trainable)
        flops = sum(step.layer.flops(step.input_shape) for step in steps)
        cells = (str(entry.year), f"{params:,}", _scaled(flops), show(entry.image))
        made.add_row(name, entry.title, *cells)
    return made
