"""Commands called in this process: what they answer, what they say, and how they end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.cli import doctor
from convwise.cli import main as main_module
from convwise.cli.main import run
from convwise.design import zoo
from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.training.device import Device

TRAIN = ["--network", "flatten | dense classes", "--epochs", "1", "--threads", "1"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photos(here: Path) -> Path:
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (here / "photos" / name).mkdir(parents=True)
        for number in range(5):
            pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(here / "photos" / name / f"{number}.png")
    return here / "photos"


@pytest.fixture
def model(here: Path) -> Path:
    image_format = ImageFormat(8, 8, 1)
    network = build(plan("flatten | dense classes", image_format, 2))
    path = here / "model.safetensors"
    path.write_bytes(model_bytes(TrainedModel(network, image_format, ("cat", "dog"))))
    return path


def failed(arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Check the exit code, and that one clear message is all that was printed."""
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("convwise: ")
    assert words in captured.err
    assert "Traceback" not in captured.err
    # The layout of a folder and a network's wrong line are shown below it, indented.
    message = captured.err.split("\nexpected layout:")[0]
    assert [line[:2] for line in message.splitlines()[1:]] in ([], ["  ", "  "])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "fashion-mnits"], "did you mean fashion-mnist"),
        (["train", "photos", "--network", "lenett"], "did you mean lenet"),
        (["train", "photos", "--network", "conv 8 3 | maxpol 2"], "maxpool"),
        (["train", "photos", "--network", "conv 8 9 | flatten | dense classes"], "conv1"),
        (["train", "photos", "--network", "flatten | dense 7"], "classes"),
        (["train", "photos", "--network", "nets/gone.txt"], "nets/gone.txt"),
        (["train", "photos", "--epoch", "3"], "--epochs"),
        (["train", "photos", "--epochs", "0"], "epochs = 0"),
        (["train", "photos", "--epochs", "three"], "--epochs"),
        (["train", "photos", "--lr", "nan"], "learning_rate = nan"),
        (["train", "photos", "--lr", "-1"], "learning_rate = -1"),
        (["train", "photos", "--batch-size", "0"], "batch_size = 0"),
        (["train", "photos", "--time-limit", "soon"], "write for example 60s"),
        (["train", "photos", "--time-limit", "9999h"], "time_limit"),
        (["train", "photos", "--precision", "fp64"], "fp32"),
        (
            ["train", "fashion-mini", "--precision", "fp16", "--device", "cpu"],
            "is for GPUs; use bf16",
        ),
        (["train", "fashion-mini", "--device", "cuda"], "or use --device cpu"),
        (["train", "photos", "--threads", "0"], "--threads 0"),
        (["train", "photos", "--image-size", "0"], "image side 0"),
        (["train", "photos", "--image-size", "20000"], "image side 20000"),
        (["train", "photos", "--resize", "zoom"], "stretch"),
        (["train", "photos", "--config", "gone.toml"], "gone.toml: No such file"),
        (["train", "photos", "--config", "bad.toml"], "is no TOML"),
        (["train", "photos", "--config", "unknown.toml"], "did you mean epochs"),
        (["train", "photos", "--out", "photos"], "exists; runs are never overwritten"),
        (["train", "empty"], "holds no pictures"),
        (["train", "one-class"], "one class only"),
        (["train", "texts"], "holds no pictures"),
        (["train", "gone/"], "no folder, no file and no named data set"),
        (["train", "photos/cat/0.png"], "is a file"),
        (["train"], "DATA"),
        (["train", "photos", "other"], "other"),
        (["evaluate", "gone.safetensors", "photos"], "gone.safetensors does not exist"),
        (["evaluate", "photos", "photos"], "holds no model.safetensors"),
        (["evaluate", "bad.toml", "photos"], "is not a safetensors file"),
        (["evaluate", "cut.safetensors", "photos"], "cut.safetensors"),
        (["evaluate", "model.safetensors", "gone"], "no folder, no file and no named data set"),
        (["evaluate", "model.safetensors", "other-classes"], "which the model does not know"),
        (["evaluate", "model.safetensors", "photos", "--split", "some"], "validation"),
        (["predict", "model.safetensors"], "which images?"),
        (["predict", "model.safetensors", "gone.png"], "gone.png does not exist"),
        (["predict", "model.safetensors", "empty"], "holds no image"),
        (["predict", "cut.safetensors", "photos"], "cut.safetensors"),
        (["design"], "which network?"),
        (["design", "lenett"], "did you mean lenet"),
        (["design", "lenet", "--image", "28x28"], "HEIGHTxWIDTHxCHANNELS"),
        (["design", "lenet", "--classes", "1"], "classes is 1"),
        (["desing"], "desing"),
        (["doctor", "--jsn"], "--jsn"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_ends_with_2_and_one_clear_line(
    arguments: list[str],
    words: str,
    photos: Path,
    model: Path,
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (here / "bad.toml").write_text("epochs = = 3\n")
    (here / "unknown.toml").write_text("epohcs = 3\n")
    (here / "cut.safetensors").write_bytes(model.read_bytes()[:-3])
    (here / "empty").mkdir()
    for folder, names in (("texts", "ab"), ("one-class", "a"), ("other-classes", ("cat", "yak"))):
        for name in names:
            (here / folder / name).mkdir(parents=True)
            for number in range(5):
                file = here / folder / name / f"{number}"
                if folder == "texts":
                    file.with_suffix(".txt").write_text("text")
                else:
                    Image.new("L", (8, 8), number).save(file.with_suffix(".png"))
    before = sorted(here.rglob("*"))
    failed(arguments, 2, words, capsys)
    assert sorted(here.rglob("*")) == before


def test_an_interrupt_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "make_app", interrupted)
    failed([], 130, "interrupted", capsys)


def test_a_design_is_shown_with_its_total(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "lenet", "--image", "28x28x1", "--classes", "10"]) == 0
    assert "61,706" in capsys.readouterr().out


def test_a_design_as_json_has_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "resnet20", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert {"layers", "total_params", "trainable_params", "total_flops"} <= values.keys()
    assert "problem" not in values
    row = {"name", "layer", "output_shape", "params", "flops", "receptive_field", "border_coverage"}
    assert all(row <= layer.keys() for layer in values["layers"])
    assert values["image"] == [32, 32, 3]
    assert sum(layer["params"] for layer in values["layers"]) == values["total_params"]


def test_a_broken_design_ends_with_2_and_keeps_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    text = "conv 8 3 | maxpool 2 | maxpool 2 | conv 8 9 | flatten | dense classes"
    assert run(["design", text, "--image", "28x28x1", "--json"]) == 2
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    assert captured.err == ""
    assert [layer["name"] for layer in values["layers"]] == ["conv1", "pool1", "pool2"]
    assert values["problem"]["layer"] == "conv2"
    assert values["problem"]["message"]
    assert values["problem"]["fixes"]
    assert run(["design", text]) == 2
    captured = capsys.readouterr()
    assert "conv2" in captured.out
    assert "cannot be built" in captured.err


def test_the_zoo_is_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "--list"]) == 0
    shown = capsys.readouterr().out
    assert run(["design", "--list", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in values] == list(zoo.names())
    assert all(name in shown for name in zoo.names())


def test_doctor_tells_versions_and_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["doctor", "--json"])
    values = json.loads(capsys.readouterr().out)
    assert code == (0 if values["ready"] else 1)
    assert {"machine", "device", "versions", "missing"} <= values.keys()
    assert run(["doctor"]) == code
    assert "torch" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (Device(), "train computes on the processor; torch finds no GPU"),
        (Device("mps", accelerated=True), "train computes on mps: GPU of "),
    ],
)
def test_doctor_tells_what_training_computes_on(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    device: Device,
    words: str,
) -> None:
    monkeypatch.setattr(doctor, "find_device", lambda: device)
    run(["doctor"])
    assert words in capsys.readouterr().out


def test_training_tells_people_how_it_went(
    photos: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "cat" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    arguments = ["train", str(photos), *TRAIN, "--precision", "fp32", "--out", "run[b]"]
    assert run(arguments) == 2
    assert "which is more than 5 %" in capsys.readouterr().err
    assert not (here / "run[b]").exists()
    assert run([*arguments, "--max-bad", "10%"]) == 0
    captured = capsys.readouterr()
    assert "test accuracy" in captured.out
    assert "1 files, listed in run[b]/audit.json" in captured.out
    assert "model          run[b]/model.safetensors" in captured.out
    assert "epoch 1  loss" in captured.err
    assert (here / "run[b]" / "report.html").is_file()


def test_a_dry_run_keeps_nothing(
    photos: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.rglob("*"))
    arguments = ["train", str(photos), *TRAIN, "--precision", "fp32", "--dry-run", "--json"]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert "nothing was kept" in captured.err
    assert all(json.loads(line) for line in captured.out.splitlines())
    assert sorted(here.rglob("*")) == before


def test_predictions_for_people(
    photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = photos / "bad.png"
    bad.write_text("text")
    good = photos / "cat" / "0.png"
    assert run(["predict", str(model), str(bad), str(good), "--top", "2"]) == 1
    captured = capsys.readouterr()
    (line,) = captured.out.splitlines()
    assert line.startswith(f"{good}  ")
    assert line.count("%") == 2
    assert str(bad) in captured.err
    assert "1 of the files could not be read" in captured.err


def test_evaluation_for_people(
    photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "dog" / "notes.txt").write_text("text")
    assert run(["evaluate", str(model), str(photos), "--split", "all"]) == 0
    captured = capsys.readouterr()
    for part in ("accuracy (all)", "10 images", "macro F1", "cat", "dog", "shifted by 4 px"):
        assert part in captured.out
    assert "skipped 1 files" in captured.err


def test_a_class_whose_name_is_no_text_goes_all_the_way(
    photos: Path, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (photos / "cat").rename(os.fsdecode(os.fsencode(photos) + b"/caf\xe9"))
    arguments = ["train", str(photos), *TRAIN, "--precision", "fp32", "--out", "run"]
    assert run(arguments) == 0
    assert json.loads((here / "run" / "run.json").read_bytes())["data"]["classes"]
    for command in (["evaluate", "run", str(photos)], ["predict", "run", str(photos)]):
        assert run(command) == 0
        assert run([*command, "--json"]) == 0
    assert "dog" in capfd.readouterr().out
