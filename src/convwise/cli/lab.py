"""``convwise lab``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from convwise.cli.output import answers, news, print_json
from convwise.errors import OptionError


def lab(
    runs: Annotated[
        Path, Parameter(help="The folder of runs, or one run; trainings are written there.")
    ] = Path("runs"),
    /,
    *,
    data: Annotated[
        tuple[Path, ...],
        Parameter(
            show_default=False,
            help="Images to train on, as for train; may be given several times.",
        ),
    ] = (),
    studies: Annotated[Path, Parameter(help="The folder of studies, or one study.")] = Path(
        "studies"
    ),
    port: Annotated[
        int | None, Parameter(help="Default: 8760, or the next one that is free.")
    ] = None,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        Parameter(show_default=False, help="Let other machines in that know the token."),
    ] = False,
    open_: Annotated[
        bool, Parameter(name="--open", show_default=False, help="Open it in the browser.")
    ] = False,
    json: Annotated[
        bool, Parameter(show_default=False, help="Print the address as one JSON document.")
    ] = False,
) -> int:
    """Open the lab in a browser: design, train, explain and compare."""
    for folder in (runs, studies):
        if folder.exists() and not folder.is_dir():
            raise OptionError(f"{folder} is a file; give a folder")
    for source in data:
        if not source.exists():
            raise OptionError(f"{source} does not exist; give images to train on")
    from convwise.lab.places import Places
    from convwise.lab.server import PORT, bind, run

    bound = bind(host, port, allow_remote=allow_remote)
    if json:
        print_json({"url": bound.url, "host": bound.host, "port": bound.port, "runs": str(runs)})
    else:
        if port is None and bound.port != PORT:
            news().print(f"port {PORT} is taken, perhaps by another lab; this one has another")
        answers().print(f"lab       {bound.url}", soft_wrap=True)
        news().print("the address holds the token; Ctrl-C ends the lab")
    if open_:
        import webbrowser

        webbrowser.open(bound.url)
    run(bound, Places(runs.absolute(), tuple(path.absolute() for path in data), studies.absolute()))
    return 0
