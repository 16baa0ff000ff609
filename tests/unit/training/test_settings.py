from __future__ import annotations

from pathlib import Path

import pytest

from convwise.errors import OptionError
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
