from __future__ import annotations

import csv
import json
import math
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convwise.data.dataset import Decoded
from convwise.design.network import Network
from convwise.errors import DataError, DesignError, OptionError, StorageError, TrainingError
from convwise.evaluation.predict import predict_probabilities
from convwise.model.modelfile import load_model
from convwise.training import train as train_module
from convwise.training.checkpoint import load_checkpoint
from convwise.training.recipe import Recipe
from convwise.training.run import Run
from convwise.training.train import train

NETWORK = "conv 4 3 same norm relu | maxpool 2 | dropout 0.2 | flatten | dense classes"
RECIPE = Recipe(epochs=2, batch_size=10, prune_easy=0)
FILES = {
    "SHA256SUMS",
    "audit.json",
    "checkpoint/state.safetensors",
    "examples.json",
    "history.jsonl",
    "metrics.json",
    "model.safetensors",
    "predictions.csv",
    "run.json",
}


def trained(data: Decoded, out: Path, **options: Any) -> Run:
    options = {"network": NETWORK, "recipe": RECIPE, "precision": "fp32", "threads": 1} | options
    return train(data, options.pop("network"), options.pop("recipe"), out=out, **options)


@pytest.fixture(scope="module")
def run(decoded: Decoded, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "one"
    return trained(decoded, folder, seed=4, command="convwise train bars/")


def read(run: Run, name: str) -> Any:
    return json.loads((run.folder / name).read_text(encoding="utf-8"))


def test_a_run_folder_has_exactly_its_files(run: Run) -> None:
    found = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*")}
    assert found == FILES | {"checkpoint"}


def test_checksums_of_a_run_pass_sha256sum(run: Run) -> None:
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=run.folder, check=True)
    listed = (run.folder / "SHA256SUMS").read_text().splitlines()
    assert {line.split("  ")[1] for line in listed} == FILES - {"SHA256SUMS"}


def test_run_json_tells_what_was_asked_and_what_came_of_it(run: Run, decoded: Decoded) -> None:
    facts = read(run, "run.json")
    assert facts.keys() == {
        *("convwise", "status", "command", "created", "asked", "recipe", "network", "image_format"),
        *("data", "seed", "threads", "precision", "precision_by_layer", "kernels", "versions"),
        *("machine", "device", "result", "fuse", "saving", "decides_bits", "setbacks"),
        *("temperature", "early_stopping", "prediction"),
    }
    assert (facts["status"], facts["command"]) == ("finished", "convwise train bars/")
    assert facts["asked"] == {"epochs": 2, "batch_size": 10, "prune_easy": 0.0}
    assert facts["recipe"].keys() == Recipe.model_fields.keys()
    assert facts["recipe"]["optimizer"] != "auto"
    settings = ("learning_rate", "weight_decay", "label_smoothing")
    assert None not in [facts["recipe"][name] for name in settings]
    assert Network.from_text(facts["network"]["text"]) == run.model.network.plan.network
    assert (
        Network.from_dict({"layers": facts["network"]["layers"]}) == run.model.network.plan.network
    )
    assert facts["data"]["classes"] == ["low", "middle", "top"]
    assert facts["data"]["counts"] == {"train": 30, "validation": 9, "test": 12}
    assert facts["data"]["fingerprint"] == decoded.fingerprint
    assert (facts["data"]["skipped"], facts["seed"], facts["threads"]) == (1, 4, 1)
    assert facts["precision"]["chosen"] == "fp32"
    assert facts["machine"].keys() == {"cpu", "cores", "memory_gb", "system"}
    assert facts["result"]["test_accuracy"] == run.test.accuracy
    assert run.summary["run"] == str(run.folder)


def test_the_summary_has_the_promised_keys(run: Run) -> None:
    promised = {"run", "test_accuracy", "validation_accuracy", "train_seconds"}
    assert promised | {"images_per_second", "precision"} <= run.summary.keys()


def test_the_image_format_has_the_mean_and_spread_of_the_training_images(
    run: Run, decoded: Decoded
) -> None:
    pixels = decoded.stores["train"].pixels / 255
    found = run.model.image_format
    assert found.mean == pytest.approx((pixels.mean(),))
    assert found.std == pytest.approx((pixels.std(),))
    assert read(run, "run.json")["image_format"] == found.to_dict()


def test_history_has_a_line_an_epoch(run: Run) -> None:
    lines = (run.folder / "history.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["epoch"] for record in records] == [1, 2]
    assert records == [record.to_dict() for record in run.history]
    assert list(records[0]) == [
        *("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
        *("learning_rate", "seconds", "images_per_second"),
    ]
    assert all(math.isfinite(value) for record in records for value in record.values())


def test_metrics_predictions_and_audit_fit_together(run: Run) -> None:
    metrics = read(run, "metrics.json")
    assert metrics.keys() == {"test", "validation"}
    assert (metrics["test"]["images"], metrics["validation"]["images"]) == (12, 9)
    assert [point["offset"] for point in metrics["test"]["shift"]] == [0, 1, 2, 3, 4]
    with (run.folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "label", "predicted", "probability", "label_probability"]
    assert [row["id"] for row in rows] == list(run.test.ids)
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert metrics["test"]["accuracy"] == right / 12
    audit = read(run, "audit.json")
    assert audit["images"] == 51
    assert sum(audit["classes"].values()) == 51
    assert audit["skipped"] == [
        {"path": "low/note.txt", "reason": "not an image file", "damaged": False}
    ]


def test_the_model_file_gives_the_answers_of_the_run(run: Run, decoded: Decoded) -> None:
    model = load_model(run.folder)
    assert model.classes == decoded.dataset.classes
    assert model.seed == 4
    again = predict_probabilities(model, decoded.stores["test"].pixels)
    assert np.array_equal(again, run.test.probabilities)


def test_the_checkpoint_holds_the_last_weights(run: Run) -> None:
    found = load_checkpoint(run.folder / "checkpoint")
    assert (found.facts["epoch"]["number"], found.facts["progress"]["step"]) == (3, 6)
    weights = found.below("network.")
    for name, value in run.model.network.state_dict().items():
        assert torch.equal(weights[name], value)


def test_training_learns(decoded: Decoded, tmp_path: Path) -> None:
    recipe = Recipe(epochs=12, batch_size=5, optimizer="sgd", learning_rate=0.05)
    run = trained(decoded, tmp_path / "run", network="flatten | dense classes", recipe=recipe)
    assert run.test.accuracy > 0.9
    assert run.history[-1].train_loss < run.history[0].train_loss


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    run: Run, decoded: Decoded, tmp_path: Path
) -> None:
    again = trained(decoded, tmp_path / "again", seed=4)
    other = trained(decoded, tmp_path / "other", seed=5)
    first = (run.folder / "model.safetensors").read_bytes()
    assert (again.folder / "model.safetensors").read_bytes() == first
    assert (other.folder / "model.safetensors").read_bytes() != first
    assert (again.folder / "predictions.csv").read_text() == (
        run.folder / "predictions.csv"
    ).read_text()


def test_the_test_split_takes_no_part_in_training(
    run: Run, decoded: Decoded, tmp_path: Path
) -> None:
    store = decoded.stores["test"]
    poisoned = replace(store, images=255 - store.images, labels=(store.labels + 1) % 3)
    stores = dict(decoded.stores) | {"test": poisoned}
    other = trained(replace(decoded, stores=stores), tmp_path / "poisoned", seed=4)
    for name in ("model.safetensors", "checkpoint/state.safetensors"):
        ours, theirs = load(run.folder / name), load(other.folder / name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert [each.validation_loss for each in other.history] == [
        each.validation_loss for each in run.history
    ]


def load(path: Path) -> dict[str, torch.Tensor]:
    import safetensors.torch

    return safetensors.torch.load_file(path)


def test_an_out_that_exists_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("data was read")

    monkeypatch.setattr(train_module.DataRequest, "find", never)
    (tmp_path / "run").mkdir()
    with pytest.raises(OptionError, match="exists; runs are never overwritten"):
        train("fashion-mini", out=tmp_path / "run")
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match="exists"):
        train("fashion-mini", out=tmp_path / "file")
    assert list((tmp_path / "run").iterdir()) == []


def test_runs_get_numbers_of_their_own(decoded: Decoded, here: Path) -> None:
    recipe = Recipe(epochs=1, batch_size=30)
    options: dict[str, Any] = {"precision": "fp32", "threads": 1}
    first = train(decoded, "flatten | dense classes", recipe, **options)
    second = train(decoded, "flatten | dense classes", recipe, **options)
    assert [first.folder, second.folder] == [
        Path("runs/bars-custom-1"),
        Path("runs/bars-custom-2"),
    ]


@pytest.mark.parametrize("batch_size", [1, 4, 128])
def test_a_dry_run_goes_through_everything_and_leaves_nothing(
    decoded: Decoded, here: Path, batch_size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import tempfile

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    recipe = Recipe(epochs=50, batch_size=batch_size)
    run = trained(decoded, here / "out", recipe=recipe, dry_run=True)
    assert len(run.history) == 1
    assert len(run.test.labels) == min(max(batch_size, 2), 12)
    assert not run.folder.exists()
    assert list(here.iterdir()) == list(temporary.iterdir()) == []


def test_watchers_are_told_of_every_step(decoded: Decoded, tmp_path: Path, notes: Any) -> None:
    trained(decoded, tmp_path / "run", watcher=notes)
    assert notes.of("started") == [(2, 3, None)]
    assert [values[:2] for values in notes.of("step")] == [
        (epoch, step) for epoch in (1, 2) for step in (1, 2, 3)
    ]
    assert [values[2] for values in notes.of("step")] == pytest.approx(
        [number / 6 for number in range(1, 7)]
    )
    assert notes.of("epoch") == [(1,), (2,)]
    assert notes.of("message") == [
        ("temperature stays 1: 9 validation images are fewer than 50",),
        ("scoring the test split, once",),
    ]


def test_a_folder_is_read_and_trained_on(tmp_path: Path, notes: Any) -> None:
    generator = np.random.default_rng(0)
    for name, level in (("dark", 0), ("light", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = level + generator.integers(0, 50, (8, 9), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    run = train(
        tmp_path / "photos",
        "flatten | dense classes",
        Recipe(epochs=1, batch_size=8),
        out=tmp_path / "deep" / "run",
        precision="fp32",
        threads=1,
        watcher=notes,
        image_size=6,
    )
    assert run.model.image_format.shape == (6, 6, 1)
    assert notes.of("reading")[-1] == (24, 24)
    assert run.facts["data"]["name"] == "photos"


def test_weights_that_run_away_end_training_and_leave_no_model(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch.nn.functional as F

    real = F.cross_entropy
    monkeypatch.setattr(F, "cross_entropy", lambda *args, **kw: real(*args, **kw) * torch.nan)
    with pytest.raises(TrainingError, match="epoch 1, step 1: the loss is nan"):
        trained(decoded, tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (facts["status"], facts["reason"]) == ("failed", "epoch 1, step 1: the loss is nan")


def test_a_network_that_does_not_fit_is_refused_before_a_folder_is_made(
    decoded: Decoded, tmp_path: Path
) -> None:
    with pytest.raises(DesignError, match="conv1"):
        trained(decoded, tmp_path / "run", network="conv 4 9 | flatten | dense classes")
    assert not (tmp_path / "run").exists()


def test_a_network_without_weights_cannot_be_trained(decoded: Decoded, tmp_path: Path) -> None:
    colour = {
        name: replace(store, images=np.repeat(store.images, 3, axis=3))
        for name, store in decoded.stores.items()
    }
    image_format = replace(decoded.dataset.format, channels=3, mean=(), std=())
    dataset = replace(decoded.dataset, format=image_format)
    with pytest.raises(DesignError, match="no weights to train"):
        trained(Decoded(dataset, colour), tmp_path / "run", network="global_avgpool")


@pytest.mark.parametrize("options", [{"precision": "fp16"}, {"threads": 0}, {"threads": 5_000}])
def test_options_out_of_range_are_refused(
    decoded: Decoded, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(OptionError):
        trained(decoded, tmp_path / "run", **options)


@pytest.mark.parametrize("seed", [-1, 2**31, 2**64, -(2**70)])
def test_any_whole_number_is_a_seed(decoded: Decoded, tmp_path: Path, seed: int) -> None:
    run = trained(decoded, tmp_path / "run", recipe=Recipe(epochs=1, batch_size=30), seed=seed)
    assert load_model(run.folder).seed == seed


def test_one_training_image_is_too_few(decoded: Decoded, tmp_path: Path) -> None:
    store = decoded.stores["train"]
    one = store.select(np.arange(1))
    stores = dict(decoded.stores) | {"train": one}
    with pytest.raises(DataError, match="1 training images are too few"):
        trained(replace(decoded, stores=stores), tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_told(decoded: Decoded, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*file/run"):
        trained(decoded, tmp_path / "file" / "run")
