"""A training that began with trained weights and was killed goes on as if nothing had happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convwise.data.dataset import Decoded
from convwise.design.plan import plan
from convwise.errors import CheckpointError
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.modules import BatchNorm
from convwise.model.trained import TrainedModel
from convwise.training import fit, lock, make_loop, precision
from convwise.training.checkpoint import load_checkpoint
from convwise.training.optimizer import make_optimizer
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.resume import resume
from convwise.training.train import train
from convwise.training.transfer import DECAY

NETWORK = "conv 5 3 same norm relu | maxpool 2 | conv 6 3 norm relu | global_avgpool | dense 2"
OLD_FORMAT = ImageFormat(8, 8, 1, "crop", mean=(0.3,), std=(0.2,))
OPTIONS: dict[str, Any] = {"precision": "fp32", "threads": 1, "seed": 4}


class Killed(BaseException):
    """Stands for a process that is no more."""


class KillAfter(Watcher):
    """Ends a training in the second step after so many epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def step(self, epoch: int, step: int, *values: object) -> None:
        if epoch > self.epochs and step > 1:
            raise Killed


class KillWithHead(Watcher):
    """Ends a training while its head learns alone."""

    def message(self, text: str) -> None:
        if "head" in text:
            raise Killed


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "RACE_SECONDS", 0.01)
    monkeypatch.setattr("convwise.training.transfer.HEAD_STEPS", 20)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A model file whose statistics are not those of the new images."""
    network = build(plan(NETWORK, OLD_FORMAT, 2), seed=2)
    for name, value in network.named_buffers():
        value.fill_(0.1 if name.endswith("mean") else 0.8)
    path = tmp_path / "old.safetensors"
    path.write_bytes(model_bytes(TrainedModel(network, OLD_FORMAT, ("a", "b"), "old")))
    return path


def timeless(folder: Path) -> dict[str, Any]:
    """Return what a run leaves, without times."""
    facts = json.loads((folder / "run.json").read_text())
    facts["start"]["head"].pop("seconds")
    history = [json.loads(line) for line in (folder / "history.jsonl").open()]
    for values in (*history, facts["result"]):
        for name in ("seconds", "train_seconds", "images_per_second"):
            values.pop(name, None)
    for name in ("created", "precision", "kernels", "saving", "prediction"):
        facts.pop(name)
    checkpoint = load_checkpoint(folder / "checkpoint")
    return {
        "model": (folder / "model.safetensors").read_bytes(),
        "predictions": (folder / "predictions.csv").read_bytes(),
        "history": history,
        "facts": facts,
        "tensors": {name: each.numpy().tobytes() for name, each in checkpoint.tensors.items()},
    }


def left_alone_and_resumed(
    data: Any, old: Path, out: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[Path, Path]:
    """Train twice, kill the second training after its first epoch, and go on with it."""
    recipe = options.pop("recipe", Recipe(epochs=3, batch_size=7))
    options |= OPTIONS | {"start_from": old}
    train(data, recipe=recipe, out=out / "alone", **options)
    with pytest.raises(Killed):
        train(data, recipe=recipe, out=out / "other", watcher=KillAfter(1), **options)
    (out / "other" / lock.FILE_NAME).write_text('{"pid": 1}')
    # Going on needs the old weights no more, and no head is trained again.
    old.unlink()
    monkeypatch.setattr(fit, "train_head", None)
    return out / "alone", out / "other"


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=3, batch_size=7),
        Recipe(epochs=3, batch_size=7, optimizer="sgd", balance="weights", patience=5),
    ],
    ids=["adamw", "sgd"],
)
def test_a_resumed_transfer_ends_with_the_bits_of_one_left_alone(
    recipe: Recipe, decoded: Decoded, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales: list[list[float]] = []

    def noted(*arguments: Any) -> Any:
        made = make_optimizer(*arguments)
        scales.append(sorted({group["scale"] for group in made.param_groups}))
        return made

    monkeypatch.setattr(make_loop, "make_optimizer", noted)
    alone, other = left_alone_and_resumed(decoded, old, tmp_path, monkeypatch, recipe=recipe)
    kept = load_checkpoint(other / "checkpoint").facts
    assert (kept["progress"]["step"], len(kept["history"])) == (4, 1)
    run = resume(other, decoded)
    assert run.status == "finished"
    assert timeless(other) == timeless(alone)
    assert scales == [[DECAY**-2, 1 / DECAY, 1.0]] * 3
    statistics = [each for each in run.model.network.modules() if isinstance(each, BatchNorm)]
    assert [each.moving_mean.unique().tolist() for each in statistics] == [[np.float32(0.1)]] * 2


def test_a_resumed_transfer_reads_pictures_in_the_format_of_the_weights(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    for name, level in (("dark", 0), ("light", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(15):
            pixels = level + generator.integers(0, 50, (9, 14), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    alone, other = left_alone_and_resumed(
        tmp_path / "photos", old, tmp_path, monkeypatch, image_size=6, cache=False
    )
    model = resume(other).model
    assert timeless(other) == timeless(alone)
    wanted = (6, 6, 1), "crop", OLD_FORMAT.mean
    assert (model.image_format.shape, model.image_format.resize, model.image_format.mean) == wanted


def test_the_time_that_the_head_took_is_remembered(
    decoded: Decoded, old: Path, tmp_path: Path
) -> None:
    class Stop(Watcher):
        def epoch(self, record: EpochRecord) -> None:
            raise Killed

    options = OPTIONS | {"start_from": old, "watcher": Stop()}
    with pytest.raises(Killed):
        train(decoded, recipe=Recipe(time_limit=1.0), out=tmp_path / "run", **options)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    progress = load_checkpoint(tmp_path / "run" / "checkpoint").facts["progress"]
    assert 0 < progress["preparation"] == facts["start"]["head"]["seconds"] < progress["seconds"]


def test_a_training_that_was_killed_while_its_head_learnt_had_not_begun(
    decoded: Decoded, old: Path, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        train(decoded, start_from=old, out=tmp_path / "run", watcher=KillWithHead(), **OPTIONS)
    with pytest.raises(CheckpointError, match="training had not begun"):
        resume(tmp_path / "run", decoded)
