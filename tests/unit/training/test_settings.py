from __future__ import annotations

from pathlib import Path

import pytest

from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.errors import OptionError
from convwise.image import ImageFormat
from convwise.training.presets import PRESETS
from convwise.training.recipe import Recipe
from convwise.training.settings import read_settings


def test_assignments_win_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text("epochs = 1\nbatch_size = 10\nrotate = 5\n")
    recipe, request = read_settings(
        config, ["epochs=2", "batch_size=20", "seed=4"], epochs=3, seed=None
    )
    assert (recipe.epochs, recipe.batch_size, recipe.rotate) == (3, 20, 5.0)
    assert request == {"seed": 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotate", "--set rotate: write NAME=VALUE"),
        ("=3", "write NAME=VALUE"),
        ("rotate=", "write NAME=VALUE"),
        ("rotat=3", "'rotat' is no setting of a recipe — did you mean rotate"),
        ("rotate=999", "rotate = 999"),
        ("flip=perhaps", "flip = 'perhaps'"),
    ],
)
def test_a_wrong_assignment_is_told_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_settings(None, [text])
    assert message in str(caught.value)


def test_a_recipe_knows_its_augmentation_and_mixing() -> None:
    recipe = Recipe.of({"rotate": 10, "crop": 0.2, "flip": False, "cutmix": 1})
    assert (recipe.augmentation.shift, recipe.augmentation.rotate) == (0, 10)
    assert not recipe.augmentation.flip
    assert recipe.mixing
    assert not Recipe().mixing


def test_a_named_recipe_gives_way_to_everything_else(tmp_path: Path) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text('recipe = "best"\nbatch_size = 10\n')
    named, request = read_settings(config)
    assert named == Recipe(**{**_of("best"), "batch_size": 10})
    assert request == {"network": PRESETS["best"]["network"]}
    asked, request = read_settings(config, ["epochs=2"], network="lenet")
    assert (asked.epochs, request) == (2, {"network": "lenet"})


def test_a_flag_names_the_recipe_rather_than_the_file(tmp_path: Path) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text('recipe = "best"\n')
    assert read_settings(config, recipe="default") == (Recipe(), {})


@pytest.mark.parametrize("name", PRESETS)
def test_each_named_recipe_is_one_that_can_be_trained(name: str) -> None:
    _, request = read_settings(None, recipe=name)
    network = resolve_network(request.get("network", "fast"))
    assert plan(network, ImageFormat(28, 28, 1), 10).problem is None


def test_an_unknown_recipe_is_named_with_those_that_there_are() -> None:
    with pytest.raises(OptionError, match="recipe 'bset': use default or best"):
        read_settings(None, recipe="bset")


def _of(name: str) -> dict[str, object]:
    return {key: value for key, value in PRESETS[name].items() if key != "network"}
