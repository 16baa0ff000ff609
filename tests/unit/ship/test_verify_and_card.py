from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import yaml

from convwise.cli.main import run
from convwise.errors import DataError
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.ship.card import model_card
from convwise.ship.export import export
from convwise.ship.verify import verify
from convwise.training.storage import write_checksums

MEASURED = {
    "data": 'bars "and" | stars',
    "test_accuracy": 0.875,
    "test_accuracy_interval": [0.8, 0.92],
    "test_images": 80,
}


@pytest.fixture
def folder(model: TrainedModel, tmp_path: Path) -> Path:
    """A run folder, as far as a card and its checksums need one."""
    measured = dataclasses.replace(model, measured=MEASURED)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state").write_bytes(b"state")
    (tmp_path / "model.safetensors").write_bytes(model_bytes(measured))
    facts = {"command": "convwise train bars/", "seed": 3, "data": {"counts": {"train": 100}}}
    (tmp_path / "run.json").write_text(json.dumps(facts))
    entry = {"class": "a|b", "images": 40, "precision": 0.5, "recall": 0.25, "f1": 0.333}
    test = {
        "ece": 0.021,
        "macro_f1": 0.8,
        "per_class": [entry],
        "shift": [{"offset": n, "accuracy": 0.9, "consistency": 1.0} for n in (0, 1)],
    }
    (tmp_path / "metrics.json").write_text(json.dumps({"test": test}))
    write_checksums(tmp_path)
    return tmp_path


def problems(folder: Path) -> dict[str, str]:
    return {each.path: each.problem for each in verify(folder) if each.problem}


def test_a_run_that_is_what_it_was_passes(folder: Path) -> None:
    assert problems(folder) == {}
    assert len(verify(folder)) == 5
    assert run(["verify", str(folder)]) == 0


def test_every_kind_of_change_to_a_run_is_named(folder: Path) -> None:
    (folder / "run.json").write_text("{}")
    (folder / "metrics.json").unlink()
    (folder / "new.txt").write_text("new")
    found = problems(folder)
    assert found["run.json"] == "is not what it was when the run ended"
    assert found["metrics.json"] == "is missing"
    assert found["new.txt"] == "is not listed in SHA256SUMS"
    assert run(["verify", str(folder)]) == 1


def test_a_checksum_of_a_file_outside_is_not_followed(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text() + "0" * 64 + "  ../../etc/passwd\n")
    assert problems(folder) == {"../../etc/passwd": "lies outside of the folder"}


def test_a_folder_without_checksums_and_a_damaged_list_are_told(folder: Path) -> None:
    (folder / "SHA256SUMS").write_text("nothing\n")
    with pytest.raises(DataError, match="line 1: no checksum and name"):
        verify(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(DataError, match="has no SHA256SUMS"):
        verify(folder)
    with pytest.raises(DataError, match="does not exist"):
        verify(folder / "none")


def test_exports_are_verified_by_their_ending(
    model: TrainedModel, photos: Path, tmp_path: Path
) -> None:
    made = [
        export(model, "onnx", tmp_path / "m.onnx").file,
        export(model, "onnx", tmp_path / "r.onnx", resize_inside=True).file,
        export(model, "keras", tmp_path / "m.keras").file,
        export(
            model, "int8", tmp_path / "i.onnx", data=photos, split="all", max_loss=1, cache=False
        ).file,
    ]
    assert [each.problem for file in made for each in verify(file)] == [None] * 4


def test_a_card_begins_with_yaml_that_holds_the_measured_accuracy(folder: Path) -> None:
    text = model_card(folder)
    _, front, body = text.split("---\n", 2)
    found = yaml.safe_load(front)
    assert found["pipeline_tag"] == "image-classification"
    result = found["model-index"][0]["results"][0]
    assert result["dataset"]["name"] == MEASURED["data"]
    assert result["metrics"] == [{"type": "accuracy", "value": 0.875}]
    assert "Accuracy 0.8750 (95 % interval 0.8000 … 0.9200) on 80 test images" in body
    assert "| a\\|b | 40 | 0.500 | 0.250 | 0.333 |" in body
    assert "| 1 px | 0.9000 | 1.0000 |" in body
    assert "`convwise train bars/`" in body


def test_a_card_of_a_model_that_was_never_scored_says_so(
    model: TrainedModel, tmp_path: Path
) -> None:
    (tmp_path / "m.safetensors").write_bytes(model_bytes(model))
    text = model_card(tmp_path / "m.safetensors")
    assert "Nothing yet" in text
    assert "model-index" not in text
    assert yaml.safe_load(text.split("---\n")[1])["library_name"] == "convwise"


def test_the_card_command_writes_a_file_and_overwrites_none(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "card.md"
    assert run(["card", str(folder), "--out", str(out)]) == 0
    assert out.read_text() == model_card(folder)
    assert run(["card", str(folder), "--out", str(out)]) == 2
