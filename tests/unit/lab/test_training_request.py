from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from convwise.cli.main import make_app
from convwise.design import zoo
from convwise.design.resolve import resolve_network
from convwise.errors import ConvwiseError, NotationError, OptionError
from convwise.lab.training_request import TrainingRequest
from convwise.training.recipe import Recipe
from convwise.training.settings import read_settings

OUT = Path("runs/new-1")


def words(**asked: Any) -> list[str]:
    request = TrainingRequest(**{"data": "fashion-mini", **asked})
    return list(request.arguments("fashion-mini", OUT))


def option(found: list[str], name: str) -> str:
    return found[found.index(name) + 1]


def test_what_is_left_out_stays_out_of_the_command() -> None:
    assert words() == ["train", "fashion-mini", "--network", "fast", "--out", "runs/new-1"]


def test_every_setting_of_a_recipe_reaches_the_command_as_it_was_meant() -> None:
    given = Recipe(
        epochs=3,
        time_limit=90,
        batch_size=64,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=0.001,
        shift=2,
        flip=False,
        rotate=10,
        scale=0.2,
        brightness=0.1,
        mixup=0.2,
        balance="weights",
        patience=4,
    )
    found = words(recipe=given.model_dump(exclude_unset=True))
    _, bound, _ = make_app().parse_args(found, exit_on_error=False, print_error=False)
    arguments = bound.arguments
    recipe, _ = read_settings(
        None,
        arguments["set_"],
        epochs=arguments["epochs"],
        time_limit=arguments["time_limit"],
        batch_size=arguments["batch_size"],
        learning_rate=arguments["lr"],
        balance=arguments["balance"],
        patience=arguments["patience"],
    )
    assert recipe == given


def test_other_settings_reach_the_command_too() -> None:
    found = words(seed=7, precision="fp32", threads=1, image_size=32)
    for name, value in (
        ("--seed", "7"),
        ("--precision", "fp32"),
        ("--threads", "1"),
        ("--image-size", "32"),
    ):
        assert option(found, name) == value


@pytest.mark.parametrize("name", zoo.names())
def test_a_network_of_the_zoo_goes_by_its_name(name: str) -> None:
    assert option(words(network=name), "--network") == name


@pytest.mark.parametrize("name", [name for name in zoo.names() if not name.startswith("efficient")])
def test_notation_reaches_the_command_as_the_same_network(name: str) -> None:
    text = zoo.entry(name).text
    network = option(words(network=text), "--network")
    assert resolve_network(network) == zoo.network(name)
    # And still, once it went over a command line as text.
    assert resolve_network(shlex.split(shlex.quote(network))[0]) == zoo.network(name)


def test_flat_notation_is_shown_on_one_line() -> None:
    network = option(words(network="conv 8 3 relu  # first\nflatten\ndense classes"), "--network")
    assert network == "conv 8 3 relu | flatten | dense classes"


@pytest.mark.parametrize(
    "network",
    [
        "/etc/passwd",
        "../secret.json",
        "notes.txt",
        "--out",
        "-x",
        '{"layers": []}',
        "lenet; rm -rf ~",
        "$(id)",
        "conv 8 3 | /etc/hosts",
        "",
        "   ",
        "|",
        "#",
    ],
)
def test_what_is_no_network_never_gets_into_a_command(network: str) -> None:
    with pytest.raises((ConvwiseError, ValidationError)):
        words(network=network)


def test_an_error_in_notation_tells_its_place() -> None:
    with pytest.raises(NotationError, match="line 2"):
        words(network="conv 8 3\nconw 8 3\nflatten\ndense classes")


@pytest.mark.parametrize(
    "recipe",
    [
        {"epochs": 0},
        {"epochs": "many"},
        {"optimizer": "adam; ls"},
        {"out": "elsewhere"},
        {"--out": 3},
        {"learning_rate": float("nan")},
        {"balance": "--out"},
    ],
)
def test_a_setting_that_is_none_is_refused(recipe: dict[str, Any]) -> None:
    with pytest.raises((OptionError, ValidationError)):
        words(recipe=recipe)


@pytest.mark.parametrize(
    "extra", [{"out": "x"}, {"command": "x"}, {"seed": -1}, {"threads": 0}, {"precision": "int8"}]
)
def test_a_field_that_is_none_is_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        words(**extra)


def test_a_path_is_never_taken_for_an_option() -> None:
    found = TrainingRequest(data="id").arguments("-photos", OUT)
    assert found[1] == "./-photos"
