"""Trial: one arm of a question with one seed; it is trained, scored and looked into."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from convwise.evaluation.predict import Predictor
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.studies.cell import MOST_VIEWS, Cell, Cost, Score
from convwise.studies.material import Material, digest_of, format_of, store_of
from convwise.studies.question import Arm, Look, Setting
from convwise.studies.task import Pixels, TestSet
from convwise.training.fit import Fitted, fit_model
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe

BATCH_SIZE = 64
TIMED_IMAGES = 256
# What all arms share: nothing that a network's kind decides, and no change of the images.
COMMON = {
    "optimizer": "adamw",
    "batch_size": BATCH_SIZE,
    "flip": False,
    "shift": 0,
    "prune_easy": 0,
    # Else it would hang on the length and the optimizer, which an arm may change.
    "label_smoothing": 0.05,
}


class Interrupted(Exception):  # noqa: N818 - no error: the user wished it
    """Training was stopped by the user; the cell is not kept."""


@dataclass(frozen=True)
class Scale:
    """How large the trainings are.

    Args:
        images: that each trains on; None for all.
        epochs: passes over them.
        seconds: of the trainings that are given a time instead.
    """

    images: int | None = None
    epochs: int = 10
    seconds: float = 20.0


@dataclass(frozen=True)
class Trial:
    """What one cell needs; it can be sent to another process.

    Args:
        question: name of the question that is asked.
        arm: one of its arms.
        seed: of weights, order, and the images that are drawn to train on.
        setting: the user's image format and classes.
        scale: of the training.
        look: the question's, called with the trained model and the images of its first test set.
        fuse: see ``training.fit.fit_model``.
        keep_model: the trained network is wanted too.
    """

    question: str
    arm: Arm
    seed: int
    setting: Setting
    scale: Scale
    look: Callable[[TrainedModel, Pixels], Look] | None = None
    fuse: bool = True
    keep_model: bool = False

    @property
    def name(self) -> str:
        """Names its file."""
        return f"{self.question}--{self.arm.name}--{self.seed}"

    @property
    def key(self) -> tuple[str, str]:
        """Question and arm: what all seeds share."""
        return self.question, self.arm.name

    @property
    def recipe(self) -> Recipe:
        """The recipe: what all arms share, and what the arm changes."""
        return Recipe.of(COMMON | {"epochs": self.scale.epochs} | dict(self.arm.recipe))

    def digest(self, material: Material) -> str:
        """Return a digest of all that decides the result."""
        return self.digest_on(material.fingerprint)

    def digest_on(self, fingerprint: str) -> str:
        """Return the digest of the trial on the images of that fingerprint."""
        return digest_of(
            fingerprint,
            self.arm.network,
            self.arm.task,
            self.recipe.model_dump(),
            self.scale.images,
            self.seed,
        )

    def run(self, material: Material, watcher: Watcher) -> Cell:
        """Train the arm and score it.

        Args:
            material: the images.
            watcher: may want the training to stop.

        Raises:
            Interrupted: it was stopped.
        """
        fitted = self.fitted(material, watcher)
        scores, first = {}, None
        for test in self.arm.task.tests(material.test.pixels, material.test.labels):
            scores[test.name], shown = scored(fitted.model, test)
            first = shown if first is None else first
        assert first is not None
        look = self.look(fitted.model, first) if self.look else Look()
        plan, epochs = self.arm.plan(self.setting), len(fitted.history)
        cost = Cost(
            plan.total_params,
            plan.total_flops,
            fitted.seconds / max(epochs, 1),
            _ms_per_prediction(fitted.model, first[:TIMED_IMAGES]),
            epochs,
        )
        cell = Cell(
            self.question, self.arm.name, self.seed, self.digest(material), scores, cost, look
        )
        return replace(cell, model=_kept(fitted.model, material, cell)) if self.keep_model else cell

    def fitted(self, material: Material, watcher: Watcher) -> Fitted:
        """Train the arm.

        Raises:
            Interrupted: the training was stopped, by the user or by the watcher.
        """
        task = self.arm.task
        stores = []
        for store in material.drawn(self.seed, self.scale.images):
            pixels, labels = task.training(store.pixels, store.labels, self.seed)
            stores.append(store_of(pixels, store, labels))
        train, watched = stores
        fitted = fit_model(
            self.arm.plan(self.setting),
            train,
            watched,
            image_format=format_of(train),
            classes=task.classes(material.classes),
            name=self.arm.name,
            recipe=self.recipe,
            seed=self.seed,
            precision="fp32",
            watcher=watcher,
            fuse=self.fuse,
            calibrate=False,
        )
        if fitted.ending in ("interrupted", "callback"):
            raise Interrupted
        return fitted


def _kept(model: TrainedModel, material: Material, cell: Cell) -> bytes:
    """Return the model file, with what the first test set says of it."""
    first = next(iter(cell.scores.values()))
    measured = {
        "data": material.name,
        "fingerprint": material.fingerprint,
        "test_accuracy": first.accuracy,
        "test_images": len(first.right),
    }
    return model_bytes(replace(model, measured=measured))


def scored(model: TrainedModel, test: TestSet) -> tuple[Score, Pixels]:
    """Return the score on a test set, and the images of its first view."""
    ask = Predictor(model).probabilities
    right, views, first = np.zeros(len(test.labels), np.uint8), 0, None
    for pixels in test.views:
        answers = ask(pixels).argmax(axis=1)
        right += answers == test.labels
        views += 1
        first = pixels if first is None else first
    if first is None or views > MOST_VIEWS:
        raise ValueError(f"test set {test.name} has {views} views; give 1 to {MOST_VIEWS}")
    return Score(right, views), first


def _ms_per_prediction(model: TrainedModel, pixels: Pixels) -> float:
    ask, seconds = Predictor(model).probabilities, []
    for _ in range(3):
        start = time.perf_counter()
        ask(pixels)
        seconds.append(time.perf_counter() - start)
    return 1_000 * float(np.median(seconds)) / len(pixels)
