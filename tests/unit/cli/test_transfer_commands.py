"""``train --from`` and ``features`` as they are called."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.cli.main import run
from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import load_model, model_bytes
from convwise.model.pretrained import efficientnet_lite0
from convwise.model.trained import TrainedModel

FORMAT = ImageFormat(8, 8, 3, "stretch", mean=(0.5,) * 3)
QUICK = ["--epochs", "1", "--threads", "1", "--precision", "fp32", "--no-cache", "--no-fuse"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for level, name in enumerate(("night", "noon")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 100, (40, 50, 3), dtype=np.uint8) + 150 * level
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(tmp_path / "photos" / name / f"{number}.png")
    made = plan("conv 5 3 norm relu | global_avgpool | dense classes", FORMAT, 3)
    model = TrainedModel(build(made), FORMAT, tuple("abc"), "mine")
    (tmp_path / "mine.safetensors").write_bytes(model_bytes(model))
    return tmp_path


def test_training_from_a_model_file_keeps_its_format_and_learns_new_classes(here: Path) -> None:
    assert run(["train", "photos", "--from", "mine.safetensors", "--out", "r", *QUICK]) == 0
    found = load_model(here / "r")
    assert found.classes == ("night", "noon")
    assert (found.image_format, found.name) == (FORMAT, "mine")
    words = ["train", "photos", "--from", "r", "--image-size", "12", "--resize", "crop"]
    assert run([*words, "--out", "s", *QUICK]) == 0
    again = load_model(here / "s").image_format
    assert (again.shape, again.resize, again.mean) == ((12, 12, 3), "crop", FORMAT.mean)


def test_training_from_efficientnet_learns_day_and_night(here: Path) -> None:
    pytest.importorskip(efficientnet_lite0.PACKAGE)
    words = ["train", "photos", "--from", "efficientnet-lite0", "--image-size", "32"]
    assert run([*words, "--out", "r", *QUICK]) == 0
    facts = json.loads((here / "r" / "run.json").read_text(encoding="utf-8"))
    assert facts["network"]["name"] == "efficientnet-lite0"
    assert facts["start"]["sha256"] == efficientnet_lite0.SHA256
    assert facts["image_format"]["mean"] == pytest.approx([127 / 255] * 3)
    assert facts["result"]["test_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "gone"], "--from gone: no file"),
        (["--from", "resnet50"], "give --weights resnet50.safetensors"),
        (["--weights", "w.safetensors"], "--weights needs --from"),
        (["--from", "mine.safetensors", "--network", "lenet"], "the network lenet is not mine"),
        (["--from", "mine.safetensors", "--set", "optimizer=muon"], "use adamw or sgd"),
        (["--from", "mine.safetensors", "--find-lr"], "--find-lr looks from scratch"),
    ],
)
def test_a_wrong_start_ends_with_a_message_and_no_run(
    words: list[str], told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "photos", *words, "--out", "r", *QUICK]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert "Traceback" not in message
    assert not (here / "r").exists()


def test_features_are_written_and_told_as_json(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "photos" / "noon" / "broken.png").write_bytes(b"no picture")
    words = ["features", "mine.safetensors", "photos", "--out", "f.npz", "--no-cache"]
    assert run([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["file"], result["images"], result["values"]) == ("f.npz", 16, 5)
    assert [each["path"] for each in result["skipped"]] == ["noon/broken.png"]
    with np.load(here / "f.npz", allow_pickle=False) as read:
        assert read["features"].shape == (16, 5)
    assert run(words) == 0
    assert "wrote 5 features of 16 images to f.npz" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mine.safetensors", "photos", "--out", "f.csv"], "write NAME.npz or NAME.parquet"),
        (["gone.safetensors", "photos", "--out", "f.npz"], "does not exist"),
        (["mine.safetensors", "gone", "--out", "f.npz"], "no folder"),
    ],
)
def test_features_that_cannot_be_had_are_told(
    words: list[str], told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["features", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(here.glob("f.*"))
