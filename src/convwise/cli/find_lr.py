"""``convwise train --find-lr``: the range test instead of a training."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from convwise.cli.curves import common_scale, curve
from convwise.cli.output import answers, news, print_json
from convwise.cli.training_view import training_view
from convwise.errors import OptionError
from convwise.training.recipe import Recipe

if TYPE_CHECKING:
    from convwise.training.rate_range import RateRange

PAGE = "lr.html"
SHOWN = 13


def find_lr(
    data: str,
    recipe: Recipe,
    *,
    out: Path | None,
    arguments: Sequence[str],
    as_json: bool,
    **options: Any,
) -> int:
    """Run the test, write its page, and print what to train with.

    Args:
        data: what to train on.
        recipe: how.
        out: folder that the page is written into, or None for one below runs/.
        arguments: of the command, from which the one to train with is made.
        as_json: print JSON instead of a table.
        **options: passed to ``find_learning_rate``.

    Raises:
        OptionError: ``out`` exists.
    """
    from convwise.report.rate_page import rate_page
    from convwise.training.rate_range import find_learning_rate
    from convwise.training.run import RUNS, require_free
    from convwise.training.storage import storage_error, write_atomically

    if out is not None:
        require_free(out)
    with training_view(news(), as_json=as_json) as view:
        found = find_learning_rate(data, recipe=recipe, watcher=view, **options)
    command = training_command(arguments, found.suggested)
    folder = out or next(
        path
        for number in itertools.count(1)
        if not (path := RUNS / f"{found.data}-{found.network}-lr-{number}").exists()
    )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise storage_error(folder, error, 0) from None
    page = folder / PAGE
    write_atomically(page, rate_page(found, command).encode("utf-8", errors="replace"))
    if as_json:
        print_json(found.to_json() | {"command": command, "page": str(page)})
    else:
        _show(found, command, page)
    return 0


def require_from_scratch(start_from: str | None, weights: Path | None, *, dry_run: bool) -> None:
    """Refuse what a training may be asked for and the test cannot do.

    Raises:
        OptionError: trained weights or a dry run were asked for.
    """
    if start_from is not None or weights is not None:
        raise OptionError(
            "--find-lr looks from scratch; with --from and --weights give --lr, or leave it out"
        )
    if dry_run:
        raise OptionError("--find-lr and --dry-run do not go together; leave one of them out")


def training_command(arguments: Sequence[str], rate: float) -> str:
    """Return the command that trains with a rate, from the one that looked for it.

    Example:
        >>> training_command(["train", "my photos", "--find-lr", "--out", "lr"], 0.02)
        "convwise train 'my photos' --lr 0.02"
    """
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("--out", "--lr"):
            skip = True
        elif not argument.startswith(("--find-lr", "--out=", "--lr=", "--json")):
            kept.append(argument)
    return "convwise " + shlex.join([*kept, "--lr", f"{rate:g}"])


def _show(found: RateRange, command: str, page: Path) -> None:
    console = answers()
    scale = common_scale([found.smoothed])
    if scale is not None:
        # A loss that has run away must not flatten all that came before it.
        scale = scale[0], min(scale[1], 1.2 * found.smoothed[0])
        console.print(f"loss at rates from {found.rates[0]:.2g} to {found.rates[-1]:.2g}, smoothed")
        console.print(curve(found.smoothed, scale, width=72), soft_wrap=True)
        console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("learning rate", "loss", "smoothed"):
        table.add_column(title, justify="right")
    steps = len(found.rates)
    every = max(1, -(-steps // SHOWN))
    for step in range(0, steps, every):
        table.add_row(
            f"{found.rates[step]:.2g}", f"{found.losses[step]:.3f}", f"{found.smoothed[step]:.3f}"
        )
    console.print(table)
    console.print()
    ran = "nowhere in this range" if found.diverged_at is None else f"at {found.diverged_at:.2g}"
    console.print(f"loss lowest at {found.lowest_at:.2g}; it runs away {ran}")
    console.print(f"suggested --lr {found.suggested:g}: {found.rule}", soft_wrap=True)
    console.print(f"train with     {command}", soft_wrap=True)
    console.print(f"page           {page}", soft_wrap=True)
