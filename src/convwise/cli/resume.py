"""``convwise resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from convwise.cli.output import news, print_json
from convwise.cli.run_ending import SIGNALS, exit_code, show_run
from convwise.cli.saving_options import CheckpointEvery, OnNan, parse_every
from convwise.cli.training_view import training_view


def resume(
    run: Annotated[Path, Parameter(help="The folder of a run that was interrupted or killed.")],
    /,
    *,
    data: Annotated[
        str | None, Parameter(help="Where the same data lies now. Default: where it was.")
    ] = None,
    inexact: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Go on although build, processor or threads differ, to other bits.",
        ),
    ] = False,
    threads: Annotated[int | None, Parameter(help="Default: as before.")] = None,
    checkpoint_every: CheckpointEvery = None,
    on_nan: OnNan = None,
    json: Annotated[
        bool,
        Parameter(show_default=False, help="Print a JSON line per epoch, and the result last."),
    ] = False,
) -> int:
    """Go on with a run from its last checkpoint."""
    every = parse_every(checkpoint_every)
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.report.of_run import report_run
    from convwise.training.resume import resume as resume_run
    from convwise.training.run import REPORT
    from convwise.training.world import world_of_environment

    with (
        world_of_environment() as world,
        training_view(news(), as_json=json, shown=world.leads) as view,
    ):
        ended = resume_run(
            run,
            data,
            inexact=inexact,
            threads=threads,
            checkpoint_every=every,
            on_nan=on_nan,
            watcher=view,
            signals=SIGNALS,
            world=world,
            complete=(REPORT,),
        )
    report_run(ended)
    if json:
        print_json(ended.summary)
    else:
        show_run(ended)
    return exit_code(ended)
