from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from convwise.errors import OptionError
from convwise.training.recipe import Recipe, parse_duration
from convwise.training.settings import read_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("epochs", 1.5),
        ("epochs", "many"),
        ("batch_size", 0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", 0),
        ("learning_rate", -0.1),
        ("momentum", 1),
        ("momentum", math.nan),
        ("weight_decay", math.nan),
        ("weight_decay", -1),
        ("warmup", 1),
        ("label_smoothing", math.nan),
        ("shift", -1),
        ("time_limit", math.nan),
        ("time_limit", math.inf),
        ("time_limit", 0),
        ("optimizer", "adam"),
        ("flip", "perhaps"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_setting(name: str, value: Any) -> None:
    with pytest.raises(OptionError) as caught:
        Recipe.of({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} = {value!r}: ")
    assert "\n" not in message
    assert "pydantic" not in message


def test_an_unknown_setting_is_named_with_the_nearest_ones() -> None:
    with pytest.raises(
        OptionError, match="'epoch' is no setting of a recipe — did you mean epochs"
    ):
        Recipe.of({"epoch": 3})


@pytest.mark.parametrize("seed", [{"optimizer": "sgd"}, {"optimizer": "adamw"}, {}])
def test_defaults_make_a_recipe(seed: dict[str, Any]) -> None:
    recipe = Recipe.of(seed)
    assert recipe.peak_learning_rate > 0
    assert recipe.kernel_decay > 0


def test_what_is_asked_wins_over_the_optimizers_default() -> None:
    recipe = Recipe(optimizer="adamw", learning_rate=0.7, weight_decay=0.0)
    assert (recipe.peak_learning_rate, recipe.kernel_decay) == (0.7, 0.0)


def test_the_number_of_epochs_follows_from_the_number_of_images() -> None:
    recipe = Recipe()
    assert [recipe.epochs_for(images) for images in (10, 20_000, 10**6)] == [60, 33, 12]
    assert (recipe.epochs_for(55_000), recipe.epochs_for(55_000, "bf16")) == (12, 28)
    assert Recipe(epochs=3).epochs_for(10) == 3
    assert Recipe(time_limit=60).epochs_for(10) is None
    assert Recipe(time_limit=60, epochs=2).epochs_for(10) == 2


@pytest.mark.parametrize(
    ("optimizer", "images", "rate", "smoothing"),
    [
        ("muon", 1_599_999, 0.1, 0.05),
        ("muon", 1_600_000, 0.05, 0.0),
        ("sgd", 1_600_000, 0.1, 0.05),
        ("adamw", 1_600_000, 0.002, 0.05),
    ],
)
def test_muon_trains_long_at_half_the_rate_and_without_smoothing(
    optimizer: Any, images: int, rate: float, smoothing: float
) -> None:
    recipe = Recipe(optimizer=optimizer)
    chosen = recipe.model_copy(update=recipe.decided_by_length(images))
    assert (chosen.peak_learning_rate, chosen.smoothing) == (rate, smoothing)


def test_the_length_changes_nothing_that_was_asked_for() -> None:
    recipe = Recipe(optimizer="muon", learning_rate=0.2, label_smoothing=0.1)
    assert recipe.decided_by_length(10**7) == {}
    assert recipe.smoothing == 0.1


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1.5h", 5400), ("0.5", 0.5)]
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "m", "-5s", "0", "0m", "5x", "nan", "inf", "infs", "1:30"]
)
def test_a_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="write for example 60s"):
        parse_duration(text)


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'epochs = 7\nbatch_size = 16\ntime_limit = "2m"\n'
        'network = "lenet"\nseed = 5\nthreads = 1\n',
    )
    recipe, request = read_settings(path, epochs=2, batch_size=None, seed=0, network=None)
    assert (recipe.epochs, recipe.batch_size, recipe.time_limit) == (2, 16, 120.0)
    assert recipe.momentum == Recipe().momentum
    assert request == {"network": "lenet", "seed": 0, "threads": 1}
    assert recipe.model_fields_set == {"epochs", "batch_size", "time_limit"}


def test_without_a_file_only_flags_count() -> None:
    recipe, request = read_settings(None, time_limit="90s", precision="fp32")
    assert (recipe.time_limit, request) == (90.0, {"precision": "fp32"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "is no TOML"),
        ("epohcs = 3", "did you mean epochs"),
        ('seed = "5"', "seed = '5': expected int"),
        ("threads = true", "threads = True: expected int"),
        ("network = 3", "expected str"),
        ('precision = "fp64"', "use auto, fp32, bf16 or fp16"),
        ("device = 1", "device = 1: expected str"),
        ('time_limit = "soon"', "write for example 60s"),
        ("[recipe]\nepochs = 3", "'recipe' is no setting"),
        ("epochs = nan", "epochs = nan"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read_settings(write(tmp_path, text))


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"gone\.toml: No such file"):
        read_settings(tmp_path / "gone.toml")
    (tmp_path / "image.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptionError, match="is no TOML"):
        read_settings(tmp_path / "image.toml")
