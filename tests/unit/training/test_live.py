from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convwise.data.store import PixelStore
from convwise.training.live import EXAMPLES, MOST_ANSWERS, PROGRESS, LiveFiles
from convwise.training.progress import BatchRecord, EpochRecord, Watcher

CLASSES = ("cat", "dog")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def record(epoch: int) -> EpochRecord:
    return EpochRecord(epoch, 1.0, 0.5, 1.0, 0.5, 0.1, 1.0, 100.0)


def store(count: int = 30) -> PixelStore:
    pixels = np.arange(count, dtype=np.uint8).repeat(16).reshape(count, 4, 4, 1)
    return PixelStore(pixels, np.arange(count) % 2, tuple(f"{place}.png" for place in range(count)))


def answers(count: int = 30, dog: float = 0.75) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.tile(np.array([1 - dog, dog], np.float32), (count, 1))


def live(folder: Path, clock: Clock | None = None) -> LiveFiles:
    return LiveFiles(folder, Watcher(), CLASSES, clock=clock or Clock())


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_progress_tells_where_a_training_is_and_how_long_it_will_take(tmp_path: Path) -> None:
    clock = Clock()
    with live(tmp_path, clock) as files:
        files.started(4, 10, None)
        for step, share in ((1, 0.025), (2, 0.05)):
            files.step(1, step, share, 2.0, 500.0)
            files.batch(BatchRecord(1, step, 2.0, 0.25, 0.1))
            clock.now += 1.0
        files.step(1, 3, 0.075, 1.5, 600.0)
        files.batch(BatchRecord(1, 3, 1.5, 0.5, 0.1))
        shown = read(tmp_path, PROGRESS)
    assert (shown["epochs"], shown["epoch"], shown["step"], shown["loss"]) == (4, 1, 3, 1.5)
    assert shown["images_per_second"] == 600.0
    # Two seconds for 0.05 of it; 0.925 are left.
    assert shown["seconds_left"] == pytest.approx(37.0)


def test_progress_is_written_twice_a_second_at_most_and_gone_at_the_end(tmp_path: Path) -> None:
    clock = Clock()
    with live(tmp_path, clock) as files:
        files.started(1, 100, None)
        files.step(1, 1, 0.01, 2.0, 500.0)
        files.batch(BatchRecord(1, 1, 2.0, 0.25, 0.1))
        assert "step" not in read(tmp_path, PROGRESS)
        clock.now += 0.6
        files.batch(BatchRecord(1, 2, 2.0, 0.25, 0.1))
        assert read(tmp_path, PROGRESS)["step"] == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_ends_no_training(tmp_path: Path) -> None:
    with live(tmp_path / "gone") as files:
        files.started(1, 100, None)
        files.message("something")


def test_examples_hold_the_same_images_with_the_answers_of_each_epoch(tmp_path: Path) -> None:
    files = live(tmp_path)
    for epoch, dog in ((1, 0.75), (2, 0.25)):
        files.validated(store(), answers(dog=dog))
        files.epoch(record(epoch))
    found = read(tmp_path, EXAMPLES)
    assert found["classes"] == ["cat", "dog"]
    assert len(found["images"]) == 12
    assert found["images"][-1]["id"] == "29.png"
    picture = Image.open(io.BytesIO(base64.b64decode(found["images"][-1]["png"])))
    assert np.asarray(picture).tolist() == [[29] * 4] * 4
    assert [each["epoch"] for each in found["answers"]] == [1, 2]
    assert found["answers"][0]["predicted"] == [1] * 12
    assert found["answers"][1]["predicted"] == [0] * 12
    labels = [image["label"] for image in found["images"]]
    own = [0.25 if label else 0.75 for label in labels]
    assert found["answers"][1]["label_probability"] == own


def test_a_training_that_goes_on_keeps_the_answers_of_whole_epochs(tmp_path: Path) -> None:
    before, after = live(tmp_path), live(tmp_path)
    for epoch in (1, 2):
        before.validated(store(), answers())
        before.epoch(record(epoch))
    # Epoch 2 was broken off, and is ended now.
    after.validated(store(), answers(dog=0.0))
    after.epoch(record(2))
    found = read(tmp_path, EXAMPLES)["answers"]
    assert [(each["epoch"], each["predicted"][0]) for each in found] == [(1, 1), (2, 0)]


@pytest.mark.parametrize("content", ["", "[]", '{"images": 3}', '{"images": [], "answers": [1]}'])
def test_a_file_of_something_else_is_replaced(content: str, tmp_path: Path) -> None:
    (tmp_path / EXAMPLES).write_text(content)
    files = live(tmp_path)
    files.validated(store(3), answers(3))
    files.epoch(record(1))
    assert [each["epoch"] for each in read(tmp_path, EXAMPLES)["answers"]] == [1]


def test_many_epochs_are_thinned_out(tmp_path: Path) -> None:
    files = live(tmp_path)
    files.validated(store(2), answers(2))
    for epoch in range(1, 100):
        files.epoch(record(epoch))
    found = [each["epoch"] for each in read(tmp_path, EXAMPLES)["answers"]]
    assert len(found) <= MOST_ANSWERS + 1
    assert (found[0], found[-1]) == (1, 99)
