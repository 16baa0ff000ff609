"""Trainings that are broken off and resumed end with the bits of those that were left alone."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.data.dataset import Decoded
from convwise.errors import CheckpointError, DivergedError, OptionError, StorageError
from convwise.training import lock, machine, precision
from convwise.training.checkpoint import FILE_NAME, load_checkpoint
from convwise.training.keeper import Saving
from convwise.training.lock import RunLock
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.resume import resume
from convwise.training.run import Run
from convwise.training.train import train

NETWORK = "conv 4 3 same norm relu | maxpool 2 | conv 6 3 same norm relu | flatten | dense classes"
DROPOUT = (
    "conv 4 3 same norm relu | dropout 0.3 | flatten | dense 8 relu | dropout 0.5 | dense classes"
)
PLAIN = "conv 4 3 same relu | flatten | dense classes"


class Killed(BaseException):
    """Stands for a process that is no more."""


class KillAt(Watcher):
    """Ends a training after so many steps, as abruptly as can be within a process."""

    def __init__(self, steps: int, at_epoch: bool = False) -> None:
        self.left, self.at_epoch = steps, at_epoch

    def step(self, *values: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def epoch(self, record: EpochRecord) -> None:
        if self.at_epoch:
            raise Killed


@dataclass(frozen=True)
class Cell:
    """A way to train, and after which step, or at which epoch's end, to break off."""

    steps: int = 4
    at_epoch: bool = False
    network: str = NETWORK
    recipe: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


CELLS = {
    "first step": Cell(steps=1),
    "inside the first epoch": Cell(steps=2),
    "at an epoch's end": Cell(steps=3),
    "just after an epoch": Cell(steps=4),
    "before the last step": Cell(steps=11, recipe={"prune_easy": 0}),
    "between an epoch's line and its checkpoint": Cell(steps=3, at_epoch=True),
    "muon": Cell(recipe={"optimizer": "muon"}),
    "sgd": Cell(recipe={"optimizer": "sgd"}),
    "sgd without momentum": Cell(recipe={"optimizer": "sgd", "momentum": 0.0}),
    "adamw": Cell(recipe={"optimizer": "adamw"}),
    "without normalisation": Cell(network=PLAIN),
    "pruning": Cell(steps=7, recipe={"prune_easy": 0.7, "epochs": 6}),
    "pruning with small batches": Cell(steps=13, recipe={"prune_easy": 0.7, "batch_size": 5}),
    "shift": Cell(recipe={"shift": 2}),
    "rotate": Cell(recipe={"rotate": 20}),
    "scale and crop": Cell(recipe={"scale": 0.2, "crop": 0.1}),
    "brightness and contrast": Cell(recipe={"brightness": 0.2, "contrast": 0.3}),
    "erase": Cell(recipe={"erase": 0.3}),
    "alternating flip": Cell(steps=5, recipe={"alternating_flip": True}),
    "without flip": Cell(recipe={"flip": False}),
    "mixup": Cell(recipe={"mixup": 0.4}),
    "cutmix": Cell(recipe={"cutmix": 1.0}),
    "mixup and cutmix": Cell(steps=8, recipe={"mixup": 0.4, "cutmix": 1.0}),
    "dropout by kernel": Cell(steps=5, network=DROPOUT),
    "dropout by torch": Cell(steps=5, network=DROPOUT, options={"fuse": False}),
    "unfused": Cell(options={"fuse": False}),
    "bf16": Cell(options={"precision": "bf16"}),
    "bf16 unfused": Cell(options={"precision": "bf16", "fuse": False}),
    "raced precision": Cell(options={"precision": "auto"}),
    "one image a step": Cell(steps=40, recipe={"batch_size": 1, "epochs": 2}),
    "one step an epoch": Cell(steps=2, recipe={"batch_size": 64}),
    "strong label smoothing": Cell(recipe={"label_smoothing": 0.3, "warmup": 0.5}),
    "early stopping": Cell(steps=4, recipe={"patience": 2, "epochs": 8}),
    "balanced sampling": Cell(steps=5, recipe={"balance": "sampling"}),
    "class weights": Cell(recipe={"balance": "weights"}),
    "averaged weights": Cell(steps=5, recipe={"ema": 0.9}),
    "averaged weights, early stopping": Cell(recipe={"ema": 0.8, "patience": 2, "epochs": 8}),
}


def trained(decoded: Decoded, out: Path, cell: Cell, **options: Any) -> Run:
    recipe = Recipe(**{"epochs": 4, "batch_size": 10, "prune_easy": 0.5} | cell.recipe)
    given = {"seed": 3, "precision": "fp32", "threads": 1}
    return train(decoded, cell.network, recipe, out=out, **given | cell.options | options)


def broken_off(decoded: Decoded, out: Path, cell: Cell, **options: Any) -> Path:
    saving = Saving(every=0.0)
    with pytest.raises(Killed):
        trained(
            decoded, out, cell, watcher=KillAt(cell.steps, cell.at_epoch), saving=saving, **options
        )
    # A process that is gone holds no lock and leaves its file; here the lock was given back.
    (out / lock.FILE_NAME).write_text('{"pid": 1}')
    return out


def timeless(folder: Path) -> dict[str, Any]:
    """Return what a run leaves, without times and without what it ran on."""
    lines = (folder / "history.jsonl").read_text().splitlines()
    history = [json.loads(line) for line in lines]
    facts = json.loads((folder / "run.json").read_text())
    for values in (*history, facts["result"]):
        for name in ("seconds", "train_seconds", "images_per_second"):
            values.pop(name, None)
    for name in ("created", "precision", "precision_by_layer", "kernels", "saving", "prediction"):
        facts.pop(name)
    checkpoint = load_checkpoint(folder / "checkpoint")
    return {
        "model": (folder / "model.safetensors").read_bytes(),
        "metrics": (folder / "metrics.json").read_bytes(),
        "predictions": (folder / "predictions.csv").read_bytes(),
        "audit": (folder / "audit.json").read_bytes(),
        "history": history,
        "facts": facts,
        "files": sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")),
        "tensors": {name: each.numpy().tobytes() for name, each in checkpoint.tensors.items()},
    }


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    # Here a process only seems to be killed, and no machine.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(precision, "RACE_SECONDS", 0.01)


@pytest.mark.parametrize("name", CELLS)
def test_a_resumed_training_ends_with_the_bits_of_one_left_alone(
    name: str, decoded: Decoded, tmp_path: Path
) -> None:
    cell = CELLS[name]
    alone = trained(decoded, tmp_path / "alone", cell)
    other = broken_off(decoded, tmp_path / "other", cell)
    assert load_checkpoint(other / "checkpoint").facts["progress"]["step"] == cell.steps
    resumed = resume(other, decoded)
    assert resumed.status == alone.status
    assert alone.status in ("finished", "early stopping")
    assert timeless(resumed.folder) == timeless(alone.folder)


def test_there_are_as_many_cells_as_are_promised() -> None:
    assert len(CELLS) >= 32


@pytest.fixture
def run(decoded: Decoded, tmp_path: Path) -> Path:
    """A training that was broken off after its fourth step."""
    return broken_off(decoded, tmp_path / "run", Cell())


def test_a_training_may_be_broken_off_again_and_again(decoded: Decoded, tmp_path: Path) -> None:
    cell = Cell(recipe={"prune_easy": 0})
    run = broken_off(decoded, tmp_path / "run", cell)
    for _ in range(3):
        with pytest.raises(Killed):
            resume(run, decoded, watcher=KillAt(2))
    resume(run, decoded)
    assert timeless(run) == timeless(trained(decoded, tmp_path / "alone", cell).folder)


def test_a_training_on_a_fold_of_files_is_resumed_from_its_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    generator = np.random.default_rng(0)
    for name, level in (("dark", 0), ("light", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(15):
            pixels = level + generator.integers(0, 50, (8, 9), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    options: dict[str, Any] = {"precision": "fp32", "threads": 1, "seed": 5, "image_size": 6}
    options |= {"fold": "2/3", "saving": Saving(every=0.0)}
    recipe = Recipe(epochs=3, batch_size=4)
    monkeypatch.chdir(tmp_path)
    train("photos", PLAIN, recipe, out="alone", **options)
    with pytest.raises(Killed):
        train("photos", PLAIN, recipe, out="other", watcher=KillAt(5), **options)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resume(tmp_path / "other")
    assert timeless(tmp_path / "other") == timeless(tmp_path / "alone")


def test_data_that_has_moved_is_named(decoded: Decoded, run: Path) -> None:
    with pytest.raises(OptionError, match=r"was handed over in Python.*resume\(run, data\)"):
        resume(run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda store: replace(store, images=store.images ^ 1),
            "as many images .* other pixels or labels",
        ),
        (lambda store: store.select(np.arange(29)), "29 train images instead of 30"),
    ],
    ids=["pixels", "count"],
)
def test_data_that_has_changed_is_refused_by_name(
    change: Callable[[Any], Any], words: str, decoded: Decoded, run: Path
) -> None:
    stores = dict(decoded.stores) | {"train": change(decoded.stores["train"])}
    before = (run / "run.json").read_bytes()
    with pytest.raises(CheckpointError, match=f"bars/ has changed since the run began: {words}"):
        resume(run, replace(decoded, stores=stores))
    assert (run / "run.json").read_bytes() == before


def test_other_threads_are_told_and_allowed_if_asked(decoded: Decoded, run: Path) -> None:
    with pytest.raises(OptionError, match=r"threads: 1 then, 2 now\); add --inexact"):
        resume(run, decoded, threads=2)
    ended = resume(run, decoded, threads=2, inexact=True)
    assert ended.facts["inexact"] == ["threads: 1 then, 2 now"]
    assert ended.facts["threads"] == 2


def test_another_build_is_told(
    decoded: Decoded, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "processor", lambda: "another processor")
    with pytest.raises(OptionError, match=r"cpu: .* then, another processor now"):
        resume(run, decoded)


def test_a_finished_run_is_not_resumed(decoded: Decoded, run: Path) -> None:
    resume(run, decoded)
    before = timeless(run)
    with pytest.raises(OptionError, match=r"is finished; to train longer: convwise train bars/"):
        resume(run, decoded)
    assert timeless(run) == before
    assert not (run / lock.FILE_NAME).exists()


def test_a_finished_run_without_its_report_is_finished_again(decoded: Decoded, run: Path) -> None:
    resume(run, decoded)
    before = timeless(run)
    # As if the process had ended between the results and the report.
    resume(run, decoded, complete=("report.html",))
    assert timeless(run) == before


def test_a_run_that_another_process_writes_is_refused(decoded: Decoded, run: Path) -> None:
    held = RunLock(run)
    with pytest.raises(OptionError, match=r"run is being written by process \d+"):
        resume(run, decoded)
    held.release()
    assert resume(run, decoded).status == "finished"


def test_a_damaged_checkpoint_is_refused_with_the_reason(decoded: Decoded, run: Path) -> None:
    path = run / "checkpoint" / FILE_NAME
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match=r"is damaged: .* has not the SHA-256"):
        resume(run, decoded)


def test_a_checkpoint_of_another_network_is_refused(
    decoded: Decoded, run: Path, tmp_path: Path
) -> None:
    other = broken_off(decoded, tmp_path / "other", Cell(network=PLAIN))
    shutil.copy(other / "checkpoint" / FILE_NAME, run / "checkpoint" / FILE_NAME)
    with pytest.raises(CheckpointError, match="is of another training"):
        resume(run, decoded)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "holds no run.json"), ("{", "cannot be read"), ("[]", "no table"), ("{}", "tell all")],
)
def test_a_folder_that_is_no_run_is_refused(
    content: str | None, words: str, decoded: Decoded, run: Path
) -> None:
    (run / "run.json").unlink()
    if content is not None:
        (run / "run.json").write_text(content)
    with pytest.raises(CheckpointError, match=words):
        resume(run, decoded)
    with pytest.raises(CheckpointError, match="is no folder"):
        resume(run / "gone", decoded)


def test_half_a_line_and_what_was_left_aside_are_cleared_away(decoded: Decoded, run: Path) -> None:
    with (run / "history.jsonl").open("a") as stream:
        stream.write('{"epoch": 2, "train_lo')
    for name in (".run.json.0123abcd", f"checkpoint/.{FILE_NAME}.89abcdef"):
        (run / name).write_bytes(b"half")
    resume(run, decoded)
    assert not list(run.rglob(".*"))
    assert [json.loads(line)["epoch"] for line in (run / "history.jsonl").open()] == [1, 2, 3, 4]


def test_a_time_limit_keeps_its_share_and_promises_no_bits(
    decoded: Decoded, tmp_path: Path, notes: Any
) -> None:
    cell = Cell(steps=2, recipe={"epochs": None, "time_limit": 30})
    run = broken_off(decoded, tmp_path / "run", cell)
    facts = load_checkpoint(run / "checkpoint").facts["progress"]
    assert 0 < facts["seconds"] < 30
    with pytest.raises(Killed):
        resume(run, decoded, watcher=KillAt(1))
    later = load_checkpoint(run / "checkpoint").facts["progress"]
    assert (later["step"], later["seconds"] > facts["seconds"]) == (3, True)
    facts = json.loads((run / "run.json").read_text())
    facts["recipe"]["time_limit"] = later["seconds"]
    (run / "run.json").write_text(json.dumps(facts))
    assert resume(run, decoded, watcher=notes).status == "time limit"
    assert "goes by the clock" in notes.of("message")[0][0]


class Poison(Watcher):
    """Makes the loss no number after so many steps, as often as is wanted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int, times: int) -> None:
        import torch.nn.functional as F

        self.steps, self.times, self.messages = steps, times, list[str]()
        real = F.cross_entropy

        def poisoned(*arguments: Any, **options: Any) -> Any:
            self.steps -= 1
            bad = self.steps < 0 and self.times > 0
            self.times -= bad
            return real(*arguments, **options) * (float("nan") if bad else 1.0)

        self.arm = lambda: monkeypatch.setattr(F, "cross_entropy", poisoned)

    def started(self, *values: object) -> None:
        self.arm()

    def message(self, text: str) -> None:
        self.messages.append(text)


def test_training_that_runs_away_goes_back_and_learns_at_half_the_rate(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Poison(monkeypatch, steps=4, times=1)
    saving = Saving(every=1e9, on_nan="retry")
    cell = Cell(recipe={"prune_easy": 0})
    run = trained(decoded, tmp_path / "run", cell, saving=saving, watcher=watcher)
    assert run.status == "finished"
    assert run.facts["setbacks"] == [
        {
            "reason": "epoch 2, step 2: the loss is nan",
            "back_to": "the end of epoch 1",
            "learning_rate_factor": 0.5,
        }
    ]
    assert [record.epoch for record in run.history] == [1, 2, 3, 4]
    calm = trained(decoded, tmp_path / "calm", cell, saving=saving)
    rates = [record.learning_rate for record in calm.history]
    assert [record.learning_rate for record in run.history][1:3] == [rates[1] / 2, rates[2] / 2]
    assert any("half the learning rate" in text for text in watcher.messages)


def test_training_that_keeps_running_away_ends(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Poison(monkeypatch, steps=4, times=99)
    with pytest.raises(DivergedError):
        trained(decoded, tmp_path / "run", Cell(), saving=Saving(0, "retry"), watcher=watcher)
    assert len(load_checkpoint(tmp_path / "run" / "checkpoint").facts["setbacks"]) == 8


def test_a_run_that_failed_is_resumed_with_another_wish(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving, watcher = Saving(every=0.0), Poison(monkeypatch, 4, 1)
    with pytest.raises(DivergedError, match=r"or halve it from the last checkpoint on: convwise"):
        trained(decoded, tmp_path / "run", Cell(), saving=saving, watcher=watcher)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["status"] == "failed"
    watcher = Poison(monkeypatch, 1, 1)
    ended = resume(tmp_path / "run", decoded, on_nan="retry", watcher=watcher)
    assert (ended.status, len(ended.facts["setbacks"])) == ("finished", 1)
    assert "reason" not in ended.facts


def test_a_full_disk_keeps_the_last_good_checkpoint_and_tells_how_to_go_on(
    decoded: Decoded, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Filling(Watcher):
        def step(self, *values: object) -> None:
            monkeypatch.setattr(os, "fsync", full)

    before = (run / "checkpoint" / FILE_NAME).read_bytes()
    with pytest.raises(StorageError, match=r"bytes\): no space.*go on from it with: convwise res"):
        resume(run, decoded, watcher=Filling())
    assert (run / "checkpoint" / FILE_NAME).read_bytes() == before
    assert not list(run.rglob(".*"))
