from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convwise.data.arrays import ArraySamples
from convwise.data.dataset import Dataset, Decoded, Skipped
from convwise.data.listing import consecutive
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.training.progress import EpochRecord, Watcher


def store(count: int, seed: int) -> PixelStore:
    """Pictures of three classes that differ in where they are bright."""
    generator = np.random.default_rng(seed)
    labels = np.sort(np.arange(count) % 3)
    pixels = generator.integers(0, 90, (count, 8, 8, 1), dtype=np.uint8)
    for number, label in enumerate(labels):
        pixels[number, 2 * label : 2 * label + 3] += 150
    return PixelStore(pixels, labels, tuple(f"{seed}/{number}.png" for number in range(count)))


def make_decoded() -> Decoded:
    stores = {"train": store(30, 1), "validation": store(9, 2), "test": store(12, 3)}
    classes = ("low", "middle", "top")
    samples = ArraySamples.of(
        np.concatenate([each.pixels for each in stores.values()]),
        np.concatenate([each.labels for each in stores.values()]),
        "bars",
    )
    splits = consecutive({split: len(each) for split, each in stores.items()})
    dataset = Dataset("bars", "bars/", classes, ImageFormat(8, 8, 1), samples, splits)
    return Decoded(dataset, stores, (Skipped("low/note.txt", "not an image file"),))


@pytest.fixture(scope="session")
def decoded() -> Decoded:
    return make_decoded()


class Notes(Watcher):
    """Remembers every event by its kind."""

    def __init__(self) -> None:
        self.events: list[tuple[str, tuple[object, ...]]] = []

    def message(self, text: str) -> None:
        self.events.append(("message", (text,)))

    def reading(self, done: int, total: int) -> None:
        self.events.append(("reading", (done, total)))

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        self.events.append(("started", (epochs, steps_per_epoch, time_limit)))

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        self.events.append(("step", (epoch, step, share)))

    def epoch(self, record: EpochRecord) -> None:
        self.events.append(("epoch", (record.epoch,)))

    def of(self, kind: str) -> list[tuple[object, ...]]:
        return [values for name, values in self.events if name == kind]


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
