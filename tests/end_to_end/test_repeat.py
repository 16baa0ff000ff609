"""A run can be repeated, and its model used on other data, from what its folder tells."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

from convwise.model.modelfile import load_model


def test_the_recorded_command_repeats_the_run_to_the_same_weights(
    trained: Any, convwise: Any, tmp_path: Path
) -> None:
    facts = trained.read("run.json")
    words = shlex.split(facts["command"])[1:]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    # Which precision wins a race may change with the machine's load; the bits follow it.
    answer = convwise(*words, "--precision", facts["precision"]["chosen"])
    assert answer.code == 0, answer.err
    first, again = load_model(trained.folder), load_model(tmp_path / "again")
    weights = again.network.state_dict()
    for name, weight in first.network.state_dict().items():
        assert weight.equal(weights[name]), name


def test_settings_come_from_a_file_and_flags_win(
    convwise: Any, photos: Path, tmp_path: Path
) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text('network = "flatten | dense classes"\nepochs = 5\nbatch_size = 16\n')
    out = tmp_path / "run"
    answer = convwise("train", photos, "--config", config, "--epochs", 1, "--out", out)
    assert answer.code == 0, answer.err
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (facts["recipe"]["epochs"], facts["recipe"]["batch_size"]) == (1, 16)
    assert facts["asked"]["epochs"] == 1


def test_data_with_a_class_that_the_model_does_not_know_is_refused(
    trained: Any, convwise: Any, photos: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(photos, tmp_path / "other"))
    (other / "left").rename(other / "below")
    answer = convwise("evaluate", trained.folder, other)
    assert answer.code == 2
    assert "below" in answer.err
