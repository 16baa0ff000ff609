"""``convwise compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from convwise.cli.curves import common_scale, curve
from convwise.cli.new_file import require_new_file
from convwise.cli.output import answers, news, percent, print_json

if TYPE_CHECKING:
    from convwise.report.comparison import Comparison

CURVES = ("validation_accuracy", "validation_loss")


def compare(
    run: Annotated[Path, Parameter(help="The run that others are compared with.")],
    other: Annotated[
        list[Path], Parameter(name="OTHER", help="One or more runs on the same test images.")
    ],
    /,
    *,
    html: Annotated[
        Path | None,
        Parameter(help="Write the comparison as a web page of one file, which must be new."),
    ] = None,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Compare runs on the same test images."""
    # numpy and the templates take a while to import: --help answers without them.
    from convwise.report.comparison import compare as compare_runs

    if html is not None:
        require_new_file(html, "--html")
    comparison = compare_runs([run, *other])
    if html is not None:
        from convwise.report.compare_page import compare_page
        from convwise.training.storage import write_atomically

        write_atomically(html, compare_page(comparison).encode("utf-8", errors="replace"))
    if json:
        print_json(comparison.to_json(), indent=2)
    else:
        _show(comparison)
    if html is not None:
        news().print(f"page           {html}", soft_wrap=True)
    return 0


def _show(comparison: Comparison) -> None:
    console = answers()
    console.print(_runs(comparison))
    console.print()
    _show_settings(comparison, console)
    for key in CURVES:
        _show_curves(comparison, key, console)
    for said in comparison.said():
        console.print(" ".join(said))
        console.print()
    console.print(
        "This is about these trained models. Another seed gives other weights: whether a setting is"
        " better takes several runs of each.",
        style="dim",
    )


def _runs(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("run", overflow="fold")
    for title in ("test accuracy", "epochs", "seconds"):
        table.add_column(title, justify="right")
    for run in comparison.runs:
        seconds = comparison.curve(run, "seconds")
        table.add_row(
            run.letter,
            str(run.folder),
            percent(run.accuracy),
            f"{len(run.files.history)}",
            f"{seconds[-1]:,.1f}" if seconds and seconds[-1] is not None else "–",
        )
    return table


def _show_settings(comparison: Comparison, console: Console) -> None:
    if not comparison.settings:
        console.print("All settings are the same.")
        console.print()
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("settings that differ")
    for run in comparison.runs:
        table.add_column(run.letter, overflow="fold")
    for setting in comparison.settings:
        table.add_row(setting.title, *setting.words())
    console.print(table)
    console.print()


def _show_curves(comparison: Comparison, key: str, console: Console) -> None:
    curves = {run.letter: comparison.curve(run, key) for run in comparison.runs}
    scale = common_scale(list(curves.values()))
    if scale is None:
        return
    console.print(
        f"{key.replace('_', ' ')} by epoch, ▁ {scale[0]:.4f} to █ {scale[1]:.4f}", style="dim"
    )
    for letter, values in curves.items():
        last = next((value for value in reversed(values) if value is not None), None)
        end = "" if last is None else f"{last:.4f}"
        console.print(f"{letter}  {curve(values, scale)}  {end}", soft_wrap=True)
    console.print()
