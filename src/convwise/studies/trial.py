"""Trial: one arm of a question with one seed; it is trained, scored and looked into."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from convwise.design.plan import Plan
from convwise.evaluation.predict import Predictor
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.studies.cell import MOST_VIEWS, Cell, Cost, Score
from convwise.studies.material import Material, digest_of, format_of, store_of
from convwise.studies.question import Arm, Look, Question, Setting
from convwise.studies.task import Pixels, TestSet
from convwise.training.fit import Fitted, fit_model
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe

BATCH_SIZE = 64
TIMED_IMAGES = 256
# What a trial takes beside training and scoring, about: building, a time trial, writing.
FIXED_SECONDS = 1.0
# What all arms share: nothing that a network's kind decides, and no change of the images.
COMMON = {
    "optimizer": "adamw",
    "batch_size": BATCH_SIZE,
    "flip": False,
    "shift": 0,
    "prune_easy": 0,
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
    """What one cell needs.

    Args:
        question: that is asked.
        arm: one of its arms.
        seed: of weights, order, and the images that are drawn to train on.
        setting: the user's image format and classes.
        scale: of the training.
        keep_model: the trained network is wanted too.
    """

    question: Question
    arm: Arm
    seed: int
    setting: Setting
    scale: Scale
    keep_model: bool = False

    @property
    def name(self) -> str:
        """Names its file."""
        return f"{self.question.name}--{self.arm.name}--{self.seed}"

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

    def run(self, material: Material, *, fuse: bool) -> Cell:
        """Train the arm and score it.

        Raises:
            Interrupted: the user stopped the training.
        """
        plan = self.arm.plan(self.setting)
        fitted = self._fitted(plan, material, fuse)
        if fitted.ending == "interrupted":
            raise Interrupted
        scores, first = {}, None
        for test in self.arm.task.tests(material.test.pixels, material.test.labels):
            scores[test.name], shown = _scored(fitted.model, test)
            first = shown if first is None else first
        assert first is not None
        look = self.question.look(fitted.model, first) if self.question.look else Look()
        epochs = len(fitted.history)
        cost = Cost(
            plan.total_params,
            plan.total_flops,
            fitted.seconds / max(epochs, 1),
            _ms_per_prediction(fitted.model, first[:TIMED_IMAGES]),
            epochs,
        )
        cell = Cell(
            self.question.name, self.arm.name, self.seed, self.digest(material), scores, cost, look
        )
        return replace(cell, model=_kept(fitted.model, material, cell)) if self.keep_model else cell

    def _fitted(self, plan: Plan, material: Material, fuse: bool) -> Fitted:
        task = self.arm.task
        stores = []
        for store in material.drawn(self.seed, self.scale.images):
            pixels, labels = task.training(store.pixels, store.labels, self.seed)
            stores.append(store_of(pixels, store, labels))
        train, watched = stores
        return fit_model(
            plan,
            train,
            watched,
            image_format=format_of(train),
            classes=task.classes(material.classes),
            name=self.arm.name,
            recipe=self.recipe,
            seed=self.seed,
            precision="fp32",
            watcher=Watcher(),
            fuse=fuse,
            calibrate=False,
        )


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


def _scored(model: TrainedModel, test: TestSet) -> tuple[Score, Pixels]:
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
