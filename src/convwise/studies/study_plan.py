"""StudyPlan: what a study will be, and how that is fitted to its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from convwise.studies.budget import Fit, Pace, fitted
from convwise.studies.computing import Computing
from convwise.studies.deadline import Deadline, Key
from convwise.studies.question import Question, Setting
from convwise.studies.timing import Speed
from convwise.studies.trial import Scale, Trial

# A smaller scale has to save so much, or it is not worth doing again what was done.
SAVING = 0.1


@dataclass(frozen=True)
class StudyPlan:
    """What a study will be.

    Args:
        questions: that are asked.
        image: the user's image format and classes.
        trainable: images that a training can have.
        scale: of each training.
        seeds: how many.
        computing: where, and by how many threads.
        speeds: of the arms, where there is a budget.
        fuse: see ``training.fit.fit_model``.
        keep_models: each trained network is kept beside its cell.
    """

    questions: tuple[Question, ...]
    image: Setting
    trainable: int
    scale: Scale
    seeds: int
    computing: Computing
    speeds: Mapping[Key, Speed] = field(default_factory=dict)
    fuse: bool = True
    keep_models: bool = False

    @property
    def setting(self) -> Setting:
        """The setting, with the seconds of arms that are given a time."""
        return replace(self.image, seconds=self.scale.seconds)

    def trials(self) -> list[Trial]:
        """Return all trials, seed by seed."""
        return [trial for seed in range(self.seeds) for trial in self.trials_of(seed)]

    def trials_of(self, seed: int) -> list[Trial]:
        """Return the trials of a seed."""
        setting = self.setting
        return [
            Trial(
                question.name,
                arm,
                seed,
                setting,
                self.scale,
                question.look,
                self.fuse,
                self.keep_models,
            )
            for question in self.questions
            for arm in question.arms(setting)
        ]

    def expected(self) -> dict[Key, float]:
        """Return the seconds of each arm's trials, as far as speeds are known."""
        images = self.scale.images or self.trainable
        return {
            trial.key: self.speeds[trial.key].seconds(trial.recipe, images)
            for trial in self.trials_of(0)
            if trial.key in self.speeds
        }

    def fitted(self, seconds: float, places: int) -> StudyPlan:
        """Return the largest plan that fits, with this one's scale and seeds at most.

        Args:
            seconds: that are left.
            places: how many trials run at once.
        """
        paces = [
            Pace(self.speeds[trial.key], trial.recipe.time_limit is not None)
            for trial in self.trials_of(0)
        ]
        fit: Fit = fitted(seconds, paces, self.scale, self.seeds, self.trainable, places)
        return replace(self, scale=fit.scale, seeds=fit.seeds)

    def smaller(
        self, missing: Sequence[Trial], deadline: Deadline, places: int
    ) -> StudyPlan | None:
        """Return the plan to go over to where this one takes too long; None to stay with it.

        Args:
            missing: trials that are not done.
            deadline: knows what trials take.
            places: how many of them run at once.
        """
        if not self.speeds or not deadline.too_late_for(missing, places):
            return None
        speeds = {key: speed.times(deadline.slowness(key)) for key, speed in self.speeds.items()}
        plan = replace(self, speeds=speeds).fitted(max(deadline.left, 0.0), places)
        return plan if plan.work < (1 - SAVING) * self.work else None

    @property
    def work(self) -> int:
        """Images that a training sees."""
        return (self.scale.images or self.trainable) * self.scale.epochs

    @property
    def told(self) -> str:
        """What it is, in words."""
        return (
            f"{self.seeds} {'seed' if self.seeds == 1 else 'seeds'},"
            f" {self.scale.images or self.trainable:,} training images,"
            f" {self.scale.epochs} {'epoch' if self.scale.epochs == 1 else 'epochs'}"
        )
