"""``convwise design``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from convwise.cli.new_file import require_new_file
from convwise.cli.output import answers, news, print_json
from convwise.design import zoo
from convwise.design.plan import Plan, plan
from convwise.errors import OptionError

BROKEN = 2


def design(
    network: Annotated[
        str | None, Parameter(help="Zoo name, notation text, or the path of a text or JSON file.")
    ] = None,
    /,
    *,
    image: Annotated[
        str | None, Parameter(help="HEIGHTxWIDTHxCHANNELS. Default: the zoo entry's, or 28x28x1.")
    ] = None,
    classes: Annotated[
        int | None, Parameter(help="Number of classes. Default: the zoo entry's, or 10.")
    ] = None,
    batch: Annotated[int | None, Parameter(help="Images at once, for memory. Default: 1.")] = None,
    object_size: Annotated[
        int | None,
        Parameter(
            name="--object",
            help="Pixels across what has to be recognised, for the warnings."
            " Default: a third of the image.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        Parameter(help="Write the design as a web page of one file, which must not exist yet."),
    ] = None,
    to: Annotated[
        Literal["keras", "torch"] | None,
        Parameter(help="Print a program that builds the same network without convwise."),
    ] = None,
    beside: Annotated[
        str | None, Parameter(help="Another network: show the totals of both side by side.")
    ] = None,
    show_list: Annotated[
        bool, Parameter(show_default=False, name="--list", help="Show the networks of the zoo.")
    ] = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Show a network layer by layer; exit 2 when it cannot be built."""
    _refuse_conflicts(
        {
            "--list": show_list,
            "--to": to,
            "--beside": beside,
            "--html": html,
            "--json": json,
            "--batch": batch,
            "--object": object_size,
            "--image": image,
            "--classes": classes,
            "NETWORK": network,
        }
    )
    if show_list:
        return _list_zoo(json)
    if network is None:
        raise OptionError(
            "which network? Give a name (convwise design --list shows them), a notation text or a"
            " file; convwise design --help shows examples"
        )
    if html is not None:
        require_new_file(html, "--html")
    made = _plan(network, image, classes)
    images = 1 if batch is None else batch
    if to is not None:
        return _print_source(made, to)
    if beside is not None:
        pair = (made, _plan(beside, image, classes))
        return _show_both(pair, (network, beside), images, json)
    return _show(made, images, object_size, html, json)


# What each of these flags leaves no room for.
_ALONE = {
    "--list": (
        *("NETWORK", "--image", "--classes", "--batch", "--object"),
        *("--html", "--to", "--beside"),
    ),
    "--to": ("--json", "--html", "--beside", "--batch", "--object"),
    "--beside": ("--html", "--object"),
}


def _refuse_conflicts(given: dict[str, object]) -> None:
    for flag, others in _ALONE.items():
        for other in others:
            if given[flag] not in (None, False) and given[other] not in (None, False):
                raise OptionError(f"{flag} and {other} do not go together; leave one of them out")


def _plan(network: str, image: str | None, classes: int | None) -> Plan:
    """Plan a network; what is not asked for is as the zoo's entry has it."""
    name = network.strip()
    entry = zoo.entry(name) if name in zoo.names() else None
    usual = entry.image if entry else (28, 28, 1)
    many = entry.classes if entry else 10
    return plan(network, image or usual, many if classes is None else classes)


def _show(made: Plan, batch: int, object_size: int | None, html: Path | None, as_json: bool) -> int:
    from convwise.design.summary import summary, to_json

    # Both may refuse the batch or the object, and then nothing must have been written.
    shown = to_json(made, batch, object_size) if as_json else summary(made, batch, object_size)
    if html is not None:
        _write_page(made, batch, object_size, html)
    if as_json:
        print_json(shown, indent=2)
    else:
        answers().print(shown)
    if html is not None:
        news().print(f"page           {html}", soft_wrap=True)
    if made.problem is None:
        return 0
    if not as_json:
        news().print("this design cannot be built; the rows above are those before the problem")
    return BROKEN


def _write_page(made: Plan, batch: int, object_size: int | None, path: Path) -> None:
    # Templates and pictures take as long to import as all else together.
    from convwise.report.design_page import design_page
    from convwise.training.storage import write_atomically

    write_atomically(path, design_page(made, batch, object_size).encode())


def _print_source(made: Plan, to: Literal["keras", "torch"]) -> int:
    from convwise.design.source import to_keras, to_torch

    made.require()
    print((to_keras if to == "keras" else to_torch)(made).rstrip("\n"))
    return 0


def _show_both(plans: tuple[Plan, Plan], names: tuple[str, str], batch: int, as_json: bool) -> int:
    from convwise.design.side_by_side import compare

    both = compare(*plans, names, batch)
    if as_json:
        print_json(both.to_json(), indent=2)
    else:
        answers().print(both.table())
    broken = [totals for totals in both.designs if totals.problem]
    if not as_json:
        for totals in broken:
            news().print(f"{totals.name} cannot be built: {totals.problem}", soft_wrap=True)
    return BROKEN if broken else 0


def _list_zoo(as_json: bool) -> int:
    from convwise.design.summary import catalogue

    if as_json:
        print_json([_entry_facts(name) for name in zoo.names()], indent=2)
    else:
        answers().print(catalogue())
    return 0


def _entry_facts(name: str) -> dict[str, Any]:
    entry = zoo.entry(name)
    return {
        "name": entry.name,
        "title": entry.title,
        "year": entry.year,
        "paper": entry.paper,
        "image": list(entry.image),
        "classes": entry.classes,
        "params": entry.params,
    }
