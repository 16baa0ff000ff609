"""``convwise evaluate`` and ``convwise predict`` with a model file alone."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convwise import evaluate, load_model

Trained = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def moved_model(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere")
    return Path(shutil.copy(trained[0] / "model.safetensors", folder / "shapes.safetensors"))


def test_predict_gives_the_probabilities_that_evaluate_saw(
    convwise: Any, trained: Trained, moved_model: Path, pictures: Path
) -> None:
    seen = evaluate(load_model(moved_model), pictures, shift_images=0)
    files = [pictures / name for name in seen.ids]
    result = convwise("predict", moved_model, *files, "--json")
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == [str(file) for file in files]
    told = np.array([list(answer["probabilities"].values()) for answer in answers])
    np.testing.assert_allclose(told, seen.probabilities, atol=1e-5)
    with (trained[0] / "predictions.csv").open() as table:
        rows = {row["id"]: row for row in csv.DictReader(table)}
    assert set(rows) == set(seen.ids)
    for name, answer in zip(seen.ids, answers, strict=True):
        assert rows[name]["predicted"] == answer["label"]
        assert float(rows[name]["probability"]) == pytest.approx(answer["probability"], abs=2e-5)


def test_evaluate_repeats_the_figures_of_the_run(
    convwise: Any, trained: Trained, moved_model: Path, pictures: Path
) -> None:
    result = convwise("evaluate", moved_model, pictures, "--json")
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures.keys() >= {
        *("accuracy", "accuracy_interval", "macro_f1", "nll", "ece", "per_class", "confusion"),
        "shift",
    }
    run = json.loads((trained[0] / "metrics.json").read_text())["test"]
    assert figures["accuracy"] == run["accuracy"]
    assert figures["nll"] == pytest.approx(run["nll"], abs=1e-5)
    assert figures["shift"][0].keys() == {"offset", "accuracy", "consistency"}


def test_predict_turns_photos_upright_and_reads_any_mode(
    convwise: Any, moved_model: Path, pictures: Path, tmp_path: Path
) -> None:
    upright = Image.open(pictures / "bottom" / "001.png").convert("RGB")
    upright.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.png", exif=exif)
    upright.convert("RGBA").save(tmp_path / "c.png")
    result = convwise("predict", moved_model, tmp_path, "--json")
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line)["probabilities"]["bottom"] for line in result.stdout.splitlines()]
    assert answers[1] == pytest.approx(answers[0], abs=1e-5)
    assert answers[2] == pytest.approx(answers[0], abs=1e-5)


def test_predict_names_a_bad_file_and_goes_on(
    convwise: Any, moved_model: Path, pictures: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    result = convwise("predict", moved_model, bad, pictures / "bottom" / "001.png", "--json")
    assert result.returncode == 1
    first, second = map(json.loads, result.stdout.splitlines())
    assert first.keys() == {"path", "error"}
    assert second["label"] == "bottom"


@pytest.mark.parametrize("damage", ["cut", "text", "foreign", "absent", "folder"])
def test_a_model_file_that_is_none_exits_2(
    convwise: Any, moved_model: Path, pictures: Path, tmp_path: Path, damage: str
) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "model.safetensors"
    if damage == "cut":
        path.write_bytes(moved_model.read_bytes()[:-100])
    elif damage == "text":
        path.write_text("I am no model")
    elif damage == "foreign":
        save_file({"weight": np.zeros(3, np.float32)}, path)
    elif damage == "folder":
        path = tmp_path
    result = convwise("predict", path, pictures / "bottom" / "001.png")
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert str(path) in result.stderr


def test_data_with_an_unknown_class_is_refused(
    convwise: Any, moved_model: Path, pictures: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(pictures, tmp_path / "other")
    (other / "bottom").rename(other / "below")
    result = convwise("evaluate", moved_model, other)
    assert result.returncode == 2
    assert "below" in result.stderr
