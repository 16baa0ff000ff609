"""A small data set, and a question that is answered in a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convwise.data.arrays import ArraySamples
from convwise.data.dataset import Dataset, Decoded
from convwise.data.listing import consecutive
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.studies.findings import Answer
from convwise.studies.question import Arm, Comparison, Question
from convwise.studies.runner import StudyWatcher

NETWORK = "conv 4 3 same relu | maxpool 2 | flatten | dense classes"


def pictures(count: int, seed: int) -> PixelStore:
    """Pictures of three classes that differ in where they are bright."""
    generator = np.random.default_rng(seed)
    labels = np.sort(np.arange(count) % 3)
    pixels = generator.integers(0, 90, (count, 12, 12, 1), dtype=np.uint8)
    for number, label in enumerate(labels):
        pixels[number, 3 * label : 3 * label + 4] += 120
    return PixelStore(pixels, labels, tuple(f"{seed}/{number}.png" for number in range(count)))


def make_decoded(seed: int = 1) -> Decoded:
    stores = {
        "train": pictures(60, seed),
        "validation": pictures(9, seed + 1),
        "test": pictures(30, seed + 2),
    }
    samples = ArraySamples.of(
        np.concatenate([each.pixels for each in stores.values()]),
        np.concatenate([each.labels for each in stores.values()]),
        "bars",
    )
    splits = consecutive({split: len(each) for split, each in stores.items()})
    classes = ("low", "middle", "top")
    return Decoded(
        Dataset("bars", "bars/", classes, ImageFormat(12, 12, 1), samples, splits), stores
    )


def make_question(name: str = "toy", networks: Sequence[str] = (NETWORK, NETWORK)) -> Question:
    arms = tuple(Arm(f"arm-{place}", text) for place, text in enumerate(networks))
    return Question(
        name=name,
        title="Does the name matter?",
        claim="A network under another name is the same network.",
        source="this test",
        equal="Everything.",
        metric="Accuracy.",
        reading="There is nothing to see.",
        arms=lambda setting: arms,
        comparisons=lambda setting: tuple(Comparison(arm.name, arms[0].name) for arm in arms[1:]),
    )


class Notes(StudyWatcher):
    """Remembers what was done, and what was said."""

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.messages: list[str] = []
        self.said: list[Sequence[Answer]] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def cell_started(self, name: str) -> None:
        self.cells.append(name)

    def answers(self, answers: Sequence[Answer]) -> None:
        self.said.append(answers)
