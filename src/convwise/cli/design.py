"""``convwise design``."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from convwise.cli.output import answers, news, print_json
from convwise.design import zoo
from convwise.design.plan import plan
from convwise.design.summary import catalogue, summary, to_json
from convwise.errors import OptionError


def design(
    network: Annotated[
        str | None, Parameter(help="Zoo name, notation text, or the path of a text or JSON file.")
    ] = None,
    /,
    *,
    image: Annotated[
        str | None, Parameter(help="HEIGHTxWIDTHxCHANNELS. Default: the zoo entry's, or 28x28x1.")
    ] = None,
    classes: Annotated[int, Parameter(help="Number of classes.")] = 10,
    show_list: Annotated[
        bool, Parameter(show_default=False, name="--list", help="Show the networks of the zoo.")
    ] = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Show a network layer by layer; exit 2 when it cannot be built."""
    if show_list:
        if json:
            print_json([_entry_facts(name) for name in zoo.names()], indent=2)
        else:
            answers().print(catalogue())
        return 0
    if network is None:
        raise OptionError(
            f"which network? Give a name ({', '.join(zoo.names())}), a notation text or a file;"
            " convwise design --help shows examples"
        )
    result = plan(network, image or _usual_image(network), classes)
    if json:
        print_json(to_json(result), indent=2)
    else:
        answers().print(summary(result))
    if result.problem is None:
        return 0
    if not json:
        news().print("this design cannot be built; the rows above are those before the problem")
    return 2


def _usual_image(network: str) -> tuple[int, int, int]:
    return zoo.entry(network).image if network in zoo.names() else (28, 28, 1)


def _entry_facts(name: str) -> dict[str, Any]:
    entry = zoo.entry(name)
    return {
        "name": entry.name,
        "title": entry.title,
        "year": entry.year,
        "paper": entry.paper,
        "image": list(entry.image),
        "params": entry.params,
    }
