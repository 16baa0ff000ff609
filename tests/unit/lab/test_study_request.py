from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from convwise.cli.main import make_app
from convwise.errors import OptionError
from convwise.lab.study_request import StudyRequest

OUT = Path("studies/new-1")


def words(**asked: Any) -> tuple[str, ...]:
    given = {"data": "fashion-mini", "questions": ["position"], **asked}
    return StudyRequest(**given).arguments("fashion-mini", OUT)


def test_what_is_left_out_stays_out_of_the_command() -> None:
    expected = "study fashion-mini --questions position --out studies/new-1"
    assert words() == tuple(expected.split())


def test_all_that_is_asked_reaches_the_command_line_as_it_was_meant() -> None:
    numbers = {"seeds": 3, "epochs": 2, "images": 500, "processes": 1, "threads": 2}
    found = words(questions=["position", "pooling"], budget="10m", keep_models=True, **numbers)
    _, bound, _ = make_app().parse_args(list(found), exit_on_error=False, print_error=False)
    arguments = bound.arguments
    assert arguments["questions"] == "position,pooling"
    assert (arguments["budget"], arguments["keep_models"]) == ("10m", True)
    assert {name: arguments[name] for name in numbers} == numbers
    assert arguments["out"] == OUT


@pytest.mark.parametrize(
    "asked",
    [
        {"questions": []},
        {"questions": ["positon"]},
        {"questions": ["--out"]},
        {"questions": ["position,/etc"]},
        {"budget": "soon"},
        {"budget": "--out"},
        {"budget": "-5m"},
        {"seeds": 0},
        {"images": 3},
        {"threads": "2; ls"},
        {"out": "elsewhere"},
        {"config": "/etc/passwd"},
    ],
)
def test_what_no_study_can_be_never_gets_into_a_command(asked: dict[str, Any]) -> None:
    with pytest.raises((OptionError, ValidationError)):
        words(**asked)


def test_a_path_is_never_taken_for_an_option() -> None:
    asked = StudyRequest(data="id", questions=("all",))
    assert asked.arguments("-photos", OUT)[1] == "./-photos"
