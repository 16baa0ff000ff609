"""``convwise study``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from convwise.cli.data_options import DataDir, Download, ImageSize, NoCache
from convwise.cli.output import answers, news, print_json
from convwise.cli.share import parse_share
from convwise.errors import OptionError
from convwise.training.recipe import parse_duration

if TYPE_CHECKING:
    from convwise.studies.study import Study

INTERRUPTED = 130


def study(
    data: Annotated[
        str | None,
        Parameter(
            help="A folder with a folder of images for each class, an archive of them, a"
            " table of paths and labels, an array file, or a named data set."
        ),
    ] = None,
    /,
    *,
    questions: Annotated[
        str | None, Parameter(help="Names with commas between them, or all. Default: all.")
    ] = None,
    seeds: Annotated[
        int | None, Parameter(help="Trainings of each arm. Default: 5, or what the budget allows.")
    ] = None,
    budget: Annotated[
        str | None,
        Parameter(help="Time for everything, such as 10m: seeds, epochs and images are fitted."),
    ] = None,
    epochs: Annotated[int | None, Parameter(help="Of each training. Default: 10.")] = None,
    images: Annotated[int | None, Parameter(help="To train on. Default: all.")] = None,
    margin: Annotated[str, Parameter(help="Smallest difference that matters.")] = "0.5%",
    config: Annotated[
        Path | None, Parameter(help="TOML file with a question of your own: base and vary.")
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(help="Folder of the study; one that was begun goes on. Default: below studies/."),
    ] = None,
    processes: Annotated[
        int | None,
        Parameter(
            help="Trainings at once. Default: one with all cores or one on each core, as a short"
            " race decides."
        ),
    ] = None,
    threads: Annotated[
        int | None, Parameter(help="Of each training. Default: its share of the cores.")
    ] = None,
    backend: Annotated[
        Literal["local", "ray"],
        Parameter(help="Where to train: on this machine, or on the Ray cluster at RAY_ADDRESS."),
    ] = "local",
    image_size: ImageSize = None,
    data_dir: DataDir = None,
    download: Download = False,
    no_cache: NoCache = False,
    keep_models: Annotated[
        bool, Parameter(show_default=False, help="Keep the trained networks, for convwise lab.")
    ] = False,
    list_: Annotated[
        bool, Parameter(name="--list", show_default=False, help="Tell what each question asks.")
    ] = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Answer questions of design."""
    if list_:
        _list(as_json=json)
        return 0
    if data is None:
        raise OptionError("which images? give a folder or a named data set; --list needs none")
    seconds = None if budget is None else parse_duration(budget)
    share = parse_share(margin, "--margin")
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.cli.study_view import study_view
    from convwise.report.study_page import write_study_page
    from convwise.studies.own import own_settings
    from convwise.studies.study import study as make_study
    from convwise.studies.trial import Interrupted

    own = None if config is None else own_settings(config)
    names = [name.strip() for name in (questions or "").split(",") if name.strip()]
    try:
        with study_view(news()) as view:
            made = make_study(
                data,
                names or ([] if own else ["all"]),
                seeds,
                own=own,
                margin=share,
                budget=seconds,
                images=images,
                epochs=epochs,
                out=out,
                backend=backend,
                processes=processes,
                threads=threads,
                watcher=view,
                command="convwise " + shlex.join(sys.argv[1:]),
                cache=not no_cache,
                keep_models=keep_models,
                image_size=image_size,
                data_dir=data_dir,
                download=download,
            )
    except Interrupted:
        news().print("interrupted: what is done is kept; the same command goes on with it")
        return INTERRUPTED
    page = write_study_page(made)
    if json:
        print_json(made.to_json(), indent=2)
    else:
        _show(made, page)
    return 0


def _list(*, as_json: bool) -> None:
    from convwise.studies.registry import all_questions

    listed = all_questions().values()
    if as_json:
        keys = ("name", "title", "claim", "source", "equal", "metric", "reading")
        print_json([{key: getattr(each, key) for key in keys} for each in listed], indent=2)
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 1, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in listed:
        table.add_row(each.name, f"{each.title} {each.claim}")
    answers().print(table)


def _show(made: Study, page: Path) -> None:
    console = answers()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("question", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for answer in made.answers:
        table.add_row(answer.question.name, answer.sentence)
        for finding in answer.findings[1:]:
            table.add_row("", finding.sentence, style="dim")
    console.print(table)
    for each in made.facts["given_up"]:
        console.print(f"given up  {each}", soft_wrap=True)
    console.print(f"study     {made.folder}", soft_wrap=True)
    console.print(f"page      {page}", soft_wrap=True)
