"""How quick an arm is: a short training and a short scoring of it, timed on the user's images.

Steps alone would tell half of it: in a short training, building, the race of its kernels, the
watched images after each epoch and the scoring of many test sets take as long as the steps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from convwise import kernels
from convwise.model.trained import TrainedModel
from convwise.studies.material import Material
from convwise.studies.question import Arm, Setting
from convwise.studies.trial import BATCH_SIZE, Scale, Trial, scored
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe

STEPS = 10
# The first ones wake up threads and fill caches.
UNTIMED_STEPS = 2
SCORED_IMAGES = 128


@dataclass(frozen=True)
class Speed:
    """What an arm takes, in seconds.

    Args:
        fixed: once in each trial: building, the race of kernels, the first steps.
        epoch: once in each epoch: the watched images.
        image: for one training image in one epoch.
        scoring: for all its test sets.
    """

    fixed: float
    epoch: float
    image: float
    scoring: float

    def seconds(self, recipe: Recipe, images: int) -> float:
        """Return what a trial takes.

        Args:
            recipe: of the arm.
            images: that it trains on.

        Example:
            >>> Speed(1.0, 0.1, 0.001, 0.5).seconds(Recipe(epochs=2), 1_000)
            3.7
        """
        if recipe.time_limit is not None:
            training = recipe.time_limit
        else:
            training = (recipe.epochs or 1) * (self.epoch + images * self.image)
        return self.fixed + training + self.scoring

    def times(self, factor: float) -> Speed:
        """Return the speed on a machine that takes so many times as long."""
        return Speed(
            factor * self.fixed, factor * self.epoch, factor * self.image, factor * self.scoring
        )


def mean_speed(speeds: list[Speed]) -> Speed:
    """Return the mean of at least one speed."""
    rows = [(each.fixed, each.epoch, each.image, each.scoring) for each in speeds]
    return Speed(*np.mean(rows, axis=0).tolist())


@dataclass(frozen=True)
class Timing:
    """The work of timing an arm; it can be sent to another process.

    Args:
        question: name of the question that the arm belongs to.
        arm: which one.
        setting: the user's image format and classes.
        fuse: see ``training.fit.fit_model``.
    """

    question: str
    arm: Arm
    setting: Setting
    fuse: bool

    @property
    def name(self) -> str:
        """For messages."""
        return f"timing {self.question}--{self.arm.name}"

    @property
    def same(self) -> tuple[str, str]:
        """Arms for which this is equal are equally quick."""
        recipe = {**self.arm.recipe, "epochs": None, "time_limit": None}
        return self.arm.network, f"{self.arm.task!r} {sorted(recipe.items())!r}"

    def run(self, material: Material, watcher: Watcher) -> Speed:
        """Train and score for a moment.

        Args:
            material: the images.
            watcher: may want it to stop.

        Raises:
            Interrupted: it was stopped.
        """
        recipe = {
            key: value
            for key, value in self.arm.recipe.items()
            if key not in ("epochs", "time_limit")
        }
        images = STEPS * int(recipe.get("batch_size", BATCH_SIZE))
        arm = replace(self.arm, recipe=recipe)
        trial = Trial(self.question, arm, 0, self.setting, Scale(images, 1), fuse=self.fuse)
        moments = _Moments(watcher)
        start, compiled = time.perf_counter(), _seconds_of_compiling()
        fitted = trial.fitted(material, moments)
        # Kernels are compiled once for this machine, and kept: no trial will pay for that.
        whole = time.perf_counter() - start - (_seconds_of_compiling() - compiled)
        step = moments.seconds_of_step(fitted.seconds)
        fixed = max(0.0, whole - step * len(moments.steps) - moments.epoch_end)
        image = step / int(recipe.get("batch_size", BATCH_SIZE))
        return Speed(fixed, moments.epoch_end, image, _scoring(arm, fitted.model, material))


def _seconds_of_compiling() -> float:
    if not kernels.available():
        return 0.0
    from convwise.kernels.parallel import seconds_of_compiling

    return seconds_of_compiling()


def _scoring(arm: Arm, model: TrainedModel, material: Material) -> float:
    """Return the seconds of scoring all test sets, from those that a few test images take."""
    test = material.test
    few = np.linspace(0, len(test) - 1, min(SCORED_IMAGES, len(test))).astype(np.int64)
    seconds = 0.0
    for whole, part in zip(
        arm.task.tests(test.pixels, test.labels),
        arm.task.tests(test.take(few), test.labels[few]),
        strict=True,
    ):
        start = time.perf_counter()
        scored(model, part)
        share = len(whole.labels) / len(part.labels)
        seconds += (time.perf_counter() - start) * share
    return seconds


class _Moments(Watcher):
    """Remembers when steps and the epoch ended."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.steps: list[float] = []
        self.epoch_end = 0.0

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        """Remember the step's end."""
        self.steps.append(time.perf_counter())

    def epoch(self, record: EpochRecord) -> None:
        """Remember how long the watched images took."""
        self.epoch_end = time.perf_counter() - self.steps[-1]

    def wants_to_stop(self) -> bool:
        """Ask who watches."""
        return self._watcher.wants_to_stop()

    def seconds_of_step(self, training: float) -> float:
        """Return the mean of the steps behind the first ones; where there are none, of all."""
        timed = self.steps[UNTIMED_STEPS - 1 :]
        if len(timed) < 2:
            return training / max(1, len(self.steps))
        return (timed[-1] - timed[0]) / (len(timed) - 1)
