from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from convwise.data.dataset import Decoded
from convwise.errors import MissingExtraError, OptionError
from convwise.training.recipe import Recipe
from convwise.training.storage import files_below
from convwise.training.train import train

NETWORK = "conv 4 3 same norm relu | flatten | dense classes"


def run(decoded: Decoded, out: Path, **options: Any) -> Any:
    recipe = Recipe(epochs=2, batch_size=10, prune_easy=0)
    return train(decoded, NETWORK, recipe, out=out, precision="fp32", threads=1, **options)


def test_an_event_file_holds_every_epoch_and_every_batch(decoded: Decoded, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = run(decoded, tmp_path / "run", track="tensorboard")
    events = EventAccumulator(str(done.folder / "tensorboard")).Reload()
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    assert set(events.Tags()["scalars"]) == {
        *(f"epoch/{name}" for name in names),
        *(f"batch/{name}" for name in ("loss", "accuracy", "learning_rate")),
    }
    losses = events.Scalars("epoch/val_loss")
    assert [event.step for event in losses] == [1, 2]
    assert [event.value for event in losses] == pytest.approx(
        [each.validation_loss for each in done.history], rel=1e-6
    )
    assert [event.step for event in events.Scalars("batch/loss")] == [1, 2, 3, 4, 5, 6]


def test_the_event_file_is_complete_when_the_run_is_sealed(
    decoded: Decoded, tmp_path: Path
) -> None:
    done = run(decoded, tmp_path / "run", track="tensorboard")
    sums = (done.folder / "SHA256SUMS").read_text()
    files = [path for path in files_below(done.folder) if path.parent.name == "tensorboard"]
    assert len(files) == 1
    assert files[0].name in sums


def test_a_missing_package_is_told_before_anything_is_done(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    assert importlib.util.find_spec("tensorboard") is not None
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convwise\[track\]'"):
        run(decoded, tmp_path / "run", track="tensorboard")
    assert not (tmp_path / "run").exists()


def test_an_unknown_tracker_is_named(decoded: Decoded, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="track 'wandb': use tensorboard"):
        run(decoded, tmp_path / "run", track="wandb")
