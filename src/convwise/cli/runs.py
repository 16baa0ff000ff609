"""``convwise runs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from convwise.cli.output import answers, news, percent, print_json

if TYPE_CHECKING:
    from convwise.report.run_list import ListedRun, RunList

UNFINISHED = ("running",)
FINISHED = "finished"
MOST_NAMED = 8
PIPE_COLUMNS = 240


def runs(
    folder: Annotated[Path, Parameter(help="Where the runs lie.")] = Path("runs"),
    /,
    *,
    sort: Annotated[
        Literal["date", "name", "accuracy", "seconds"],
        Parameter(help="Newest, best or quickest first, or by name."),
    ] = "date",
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """List runs with their figures."""
    from convwise.report.run_list import list_runs

    found = list_runs(folder, sort)
    if json:
        print_json(found.to_json(), indent=2)
        return 0
    if found.runs:
        console = answers()
        if not console.is_terminal:
            # Whoever reads a pipe wants a line for each run.
            console.width = PIPE_COLUMNS
        console.print(_table(found.runs, folder))
    else:
        news().print(f"no run in {folder}; convwise train makes one", soft_wrap=True)
    _tell_the_rest(found)
    return 0


def _table(listed: tuple[ListedRun, ...], folder: Path) -> Table:
    """Return the runs as a table that usual names leave narrower than 80 columns."""
    # Most runs end as they should: that is no news in each line.
    with_status = any(run.status != FINISHED for run in listed)
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="dim")
    for title in ("run", "data", "network"):
        table.add_column(title, overflow="fold")
    for title in ("epochs", "accuracy", "95 %", "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    if with_status:
        table.add_column("status", no_wrap=True)
    for run in listed:
        interval = run.test_accuracy_interval
        cells = [
            run.run.removeprefix(f"{folder}/"),
            run.data or "–",
            run.network or "–",
            f"{run.epochs}",
            "–" if run.test_accuracy is None else percent(run.test_accuracy),
            "–" if interval is None else f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}",
            "–" if run.seconds is None else f"{run.seconds:,.0f}",
        ]
        table.add_row(*cells, *([run.status] if with_status else []))
    return table


def _tell_the_rest(found: RunList) -> None:
    console = news()
    unfinished = [run.run for run in found.runs if run.status in UNFINISHED]
    if unfinished:
        console.print(
            f"not ended: {_named(unfinished)}; still training, or killed: the last checkpoint is"
            " kept in checkpoint/",
            soft_wrap=True,
        )
    for name, reason in found.broken:
        console.print(f"broken: {name}: {reason}", soft_wrap=True)
    if found.foreign:
        console.print(f"no runs: {_named(list(found.foreign))}", soft_wrap=True)


def _named(names: list[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
