from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convwise.errors import OptionError
from convwise.studies.own import own_settings, question_of
from convwise.studies.question import Arm, Setting

SETTING = Setting((28, 28, 1), ("a", "b"))
BASE = "conv 8 3 same norm relu | maxpool 2 | conv 8 3 relu | flatten | dense classes"


def arms(vary: dict[str, Any], base: str = BASE) -> tuple[Arm, ...]:
    return question_of({"base": base, "vary": vary}).arms(SETTING)


def test_all_combinations_become_arms_and_the_first_is_the_baseline() -> None:
    vary = {"activation": ["relu", "gelu"], "recipe.batch_size": [32, 64]}
    question = question_of({"base": BASE, "vary": vary, "name": "mine"})
    names = [arm.name for arm in question.arms(SETTING)]
    assert names == [
        "activation-relu-recipe-batch-size-32",
        "activation-relu-recipe-batch-size-64",
        "activation-gelu-recipe-batch-size-32",
        "activation-gelu-recipe-batch-size-64",
    ]
    assert {each.baseline for each in question.comparisons(SETTING)} == {names[0]}
    assert [arm.recipe["batch_size"] for arm in question.arms(SETTING)] == [32, 64, 32, 64]


def test_an_activation_changes_wherever_there_is_one() -> None:
    text = arms({"activation": ["gelu", "tanh"]})[0].network
    assert text.splitlines() == [
        "conv 8 3 same norm gelu",
        "maxpool 2",
        "conv 8 3 gelu",
        "flatten",
        "dense classes",
    ]


def test_a_word_in_front_names_the_layers() -> None:
    first, second = arms({"conv.filters": [4, 16]})
    assert "conv 4 3" in first.network
    assert "conv 16 3" in second.network
    assert "dense classes" in second.network


def test_layers_inside_blocks_change_too() -> None:
    base = "repeat 2 (residual (conv 1 3 same)) | flatten | dense classes"
    assert "conv 1 5 same" in arms({"conv.kernel_size": [3, 5]}, base)[1].network


def test_whole_networks_may_vary() -> None:
    question = question_of({"vary": {"network": ["lenet", "dense"]}})
    assert [arm.plan(SETTING).total_params > 0 for arm in question.arms(SETTING)] == [True, True]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base": "lenet"}, "say what to vary"),
        ({"base": "lenet", "vary": {"activation": "relu"}}, "give a list"),
        ({"base": "lenet", "vary": {"activation": ["relu"]}}, "1 arms"),
        ({"base": "lenet", "varied": {}}, "did you mean vary"),
        ({"vary": {"activation": ["relu", "tanh"]}}, "give base"),
        ({"base": "lenet", "vary": {"rate": [0.1, 0.2]}}, "no layer of the network has rate"),
        ({"base": "lenet", "vary": {"recipe.batch": [1, 2]}}, "no setting of a recipe"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        question_of(settings)


def test_a_file_is_read_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('base = "lenet"\n[vary]\nactivation = ["tanh", "relu"]\n', encoding="utf-8")
    assert question_of(own_settings(path)).name == "own"
    with pytest.raises(OptionError, match=r"other\.toml"):
        own_settings(tmp_path / "other.toml")
    path.write_text("base = ", encoding="utf-8")
    with pytest.raises(OptionError, match="is no TOML"):
        own_settings(path)
