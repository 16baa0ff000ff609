"""A folder of pictures, a trained model, and the same answers wherever the file goes."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convwise.data.decode import decode_image
from convwise.evaluation.predict import predict_probabilities
from convwise.model.modelfile import load_model

FILES = {
    *("SHA256SUMS", "audit.json", "checkpoint", "checkpoint/state.safetensors", "examples.json"),
    *("history.jsonl", "metrics.json", "model.safetensors", "predictions.csv", "report.html"),
    "run.json",
}


@pytest.fixture(scope="module")
def moved(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file alone, under another name and elsewhere."""
    path = tmp_path_factory.mktemp("elsewhere") / "bars classifier"
    shutil.copy(trained.folder / "model.safetensors", path)
    return path


def probabilities(model: Path, files: list[Path]) -> np.ndarray[Any, Any]:
    loaded = load_model(model)
    pixels = np.stack([decode_image(file, loaded.image_format) for file in files])
    return predict_probabilities(loaded, pixels)


def test_json_on_standard_output_is_epochs_and_then_the_result(trained: Any) -> None:
    *epochs, result = trained.answer.lines
    assert [record["epoch"] for record in epochs] == [1, 2, 3, 4, 5, 6]
    assert {
        *("run", "test_accuracy", "validation_accuracy", "train_seconds"),
        *("images_per_second", "precision"),
    } <= result.keys()
    assert result["run"] == str(trained.folder)
    assert 0 <= result["test_accuracy"] <= 1
    assert result["precision"] in ("fp32", "bf16")
    assert result["train_seconds"] > 0
    assert result["images_per_second"] > 0


def test_messages_go_to_standard_error(trained: Any) -> None:
    assert "racing fp32 against bf16" in trained.answer.err
    assert "scoring the test split, once" in trained.answer.err


def test_a_run_holds_exactly_its_files_and_its_checksums_hold(trained: Any) -> None:
    found = {path.relative_to(trained.folder).as_posix() for path in trained.folder.rglob("*")}
    assert found == FILES
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=trained.folder, check=True)


def test_the_command_is_recorded_as_it_was_given(trained: Any, photos: Path) -> None:
    command = trained.read("run.json")["command"]
    assert command.startswith(f"convwise train {photos} --network lenet --epochs 6")


def test_a_picture_that_cannot_be_read_is_counted_and_listed(trained: Any) -> None:
    audit = trained.read("audit.json")
    assert audit["images"] == 36
    assert audit["classes"] == {"left": 12, "middle": 12, "right": 12}
    assert [entry["path"] for entry in audit["skipped"]] == ["left/broken.png"]
    assert audit["skipped"][0]["reason"]
    assert trained.read("run.json")["data"]["skipped"] == 1


def test_pictures_are_never_changed(trained: Any, photos: Path) -> None:
    assert len([path for path in photos.rglob("*") if path.is_file()]) == 37


def test_evaluation_of_the_moved_file_repeats_the_runs_figures(
    convwise: Any, trained: Any, moved: Path, photos: Path, tmp_path: Path
) -> None:
    answer = convwise("evaluate", moved, photos, "--json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    (found,) = answer.lines
    assert {
        *("accuracy", "accuracy_interval", "macro_f1", "nll", "ece"),
        *("per_class", "confusion", "shift"),
    } <= found.keys()
    wanted = trained.read("metrics.json")["test"]
    assert found["confusion"] == wanted["confusion"]
    for name in ("accuracy", "macro_f1", "nll", "ece"):
        assert found[name] == pytest.approx(wanted[name], abs=1e-5)
    assert [entry["path"] for entry in found["skipped"]] == ["left/broken.png"]
    assert list(tmp_path.iterdir()) == []


def test_prediction_of_the_moved_file_repeats_the_runs_probabilities(
    convwise: Any, trained: Any, moved: Path, photos: Path
) -> None:
    with (trained.folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    files = [photos / row["id"] for row in rows]
    answer = convwise("predict", moved, *files, "--json")
    assert answer.code == 0, answer.err
    assert [line["path"] for line in answer.lines] == [str(file) for file in files]
    wanted = probabilities(trained.folder, files)
    for line, row, ours in zip(answer.lines, rows, wanted, strict=True):
        assert line["label"] == row["predicted"]
        assert line["probability"] == pytest.approx(float(row["probability"]), abs=1e-5)
        assert list(line["probabilities"].values()) == pytest.approx(ours.tolist(), abs=1e-5)


def test_one_picture_in_many_forms_gets_one_answer(
    convwise: Any, moved: Path, make_picture: Any, tmp_path: Path
) -> None:
    grey = make_picture(1)
    plain = Image.fromarray(grey)
    colour = plain.convert("RGB")
    palette = plain.copy()
    palette.putpalette([level for level in range(256) for _ in range(3)])
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored picture has to be turned a quarter to the right
    colour.transpose(Image.Transpose.ROTATE_90).save(
        tmp_path / "turned.jpg", exif=exif, quality=95, subsampling=0
    )
    with Image.open(tmp_path / "turned.jpg") as stored:
        upright = stored.transpose(Image.Transpose.ROTATE_270)
    forms = {
        "plain.png": plain,
        "colour.bmp": colour,
        "alpha.png": colour.convert("RGBA"),
        "palette.png": palette,
        "palette.gif": palette,
        "lossless.webp": colour,
        "sixteen.tif": Image.fromarray(grey.astype(np.uint16) * 257),
        "upright.png": upright,
    }
    for name, picture in forms.items():
        picture.save(tmp_path / name, **({"lossless": True} if "lossless" in name else {}))
    (tmp_path / "text.png").write_text("hello")
    answer = convwise("predict", moved, tmp_path, "--json")
    assert answer.code == 1
    lines = {Path(line["path"]).name: line for line in answer.lines}
    assert lines.keys() == {*forms, "turned.jpg", "text.png"}
    assert lines["text.png"].keys() == {"path", "error"}
    twins = [(name, "plain.png") for name in forms if name != "upright.png"]
    for name, twin in [*twins, ("turned.jpg", "upright.png")]:
        ours, theirs = (list(lines[each]["probabilities"].values()) for each in (name, twin))
        assert ours == pytest.approx(theirs, abs=1e-5), name
