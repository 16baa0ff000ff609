from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise import Callback, Classifier, Recipe
from convwise.data.dataset import Decoded
from convwise.errors import OptionError
from convwise.training.callbacks import Logs, with_callbacks
from convwise.training.progress import Watcher
from convwise.training.train import train

NETWORK = "conv 4 3 same norm relu | flatten | dense classes"


class Diary(Callback):
    """Writes down every hook."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def on_train_begin(self, logs: Logs) -> None:
        self.lines.append(("train begin", logs))

    def on_train_end(self, logs: Logs) -> None:
        self.lines.append(("train end", logs))

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        self.lines.append(("epoch begin", epoch, logs))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.lines.append(("epoch end", epoch, logs))

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.lines.append(("batch end", batch, logs))

    def kinds(self) -> list[Any]:
        return [line[:-1] for line in self.lines]


def run(decoded: Decoded, out: Path, *callbacks: Callback, **options: Any) -> Any:
    recipe = Recipe(epochs=2, batch_size=10, prune_easy=0)
    return train(
        decoded,
        NETWORK,
        recipe,
        out=out,
        precision="fp32",
        threads=1,
        callbacks=callbacks,
        **options,
    )


def test_hooks_come_in_kerass_order_and_count_from_0(decoded: Decoded, tmp_path: Path) -> None:
    diary = Diary()
    run(decoded, tmp_path / "run", diary)
    batches = [("batch end", number) for number in range(3)]
    assert diary.kinds() == [
        ("train begin",),
        *(("epoch begin", 0), *batches, ("epoch end", 0)),
        *(("epoch begin", 1), *batches, ("epoch end", 1)),
        ("train end",),
    ]


def test_logs_have_kerass_names_and_the_values_of_the_history(
    decoded: Decoded, tmp_path: Path
) -> None:
    diary = Diary()
    done = run(decoded, tmp_path / "run", diary)
    logs = [line[-1] for line in diary.lines if line[0] == "epoch end"]
    assert [list(each) for each in logs] == [
        ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    ] * 2
    assert [tuple(each.values()) for each in logs] == [
        (
            each.train_loss,
            each.train_accuracy,
            each.validation_loss,
            each.validation_accuracy,
            each.learning_rate,
        )
        for each in done.history
    ]
    last_batch = [line[-1] for line in diary.lines if line[0] == "batch end"][-1]
    assert {name: logs[-1][name] for name in last_batch} == last_batch
    assert diary.lines[-1] == ("train end", logs[-1])


def test_a_callback_ends_the_training_after_an_epoch(decoded: Decoded, tmp_path: Path) -> None:
    class Once(Callback):
        def on_epoch_end(self, epoch: int, logs: Logs) -> None:
            self.stop_training = True

    once = Once()
    done = run(decoded, tmp_path / "run", once)
    assert (done.status, len(done.history)) == ("callback", 1)
    # The wish belongs to one training.
    assert len(run(decoded, tmp_path / "again", once).history) == 1


def test_a_callback_ends_the_training_within_an_epoch(decoded: Decoded, tmp_path: Path) -> None:
    class Twice(Callback):
        def on_train_batch_end(self, batch: int, logs: Logs) -> None:
            self.stop_training = batch == 1

    diary = Diary()
    done = run(decoded, tmp_path / "run", Twice(), diary)
    assert [kind for kind in diary.kinds() if kind[0] == "batch end"] == [
        ("batch end", 0),
        ("batch end", 1),
    ]
    assert (done.status, len(done.history)) == ("callback", 1)


def test_what_the_watcher_is_told_does_not_change(
    decoded: Decoded, tmp_path: Path, notes: Any
) -> None:
    run(decoded, tmp_path / "run", Diary(), watcher=notes)
    assert [len(notes.of(kind)) for kind in ("started", "step", "epoch")] == [1, 6, 2]
    assert notes.of("message")


def test_a_classifier_tells_callbacks(decoded: Decoded) -> None:
    diary = Diary()
    store = decoded.stores["train"]
    recipe = Recipe(epochs=1, batch_size=9)
    classifier = Classifier(NETWORK, recipe, precision="fp32")
    classifier.fit(store.pixels, np.array(["a", "b", "c"])[store.labels], callbacks=[diary])
    assert diary.kinds()[0] == ("train begin",)
    assert diary.kinds()[-1] == ("train end",)


def test_what_is_no_callback_is_named(decoded: Decoded, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"callbacks\[1\] is of type str; derive"):
        run(decoded, tmp_path / "run", Diary(), "early")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_without_callbacks_the_watcher_stays_what_it_is() -> None:
    watcher = Watcher()
    assert with_callbacks(watcher, []) is watcher
    assert not watcher.wants_to_stop()
