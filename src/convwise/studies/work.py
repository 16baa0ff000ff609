"""The work of a study: fit it to its time, do its trials, write down what was asked."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convwise.errors import DesignError, OptionError
from convwise.studies.budget import Fit, Speed, fitted, measure
from convwise.studies.cell import Cell
from convwise.studies.findings import Answer, answers
from convwise.studies.folder import StudyFolder, settled_scale
from convwise.studies.material import Material
from convwise.studies.question import Arm, Question, Setting
from convwise.studies.runner import Deadline, StudyWatcher, run_trials
from convwise.studies.trial import FIXED_SECONDS, Scale, Trial
from convwise.studies.verdict import MARGIN
from convwise.training.machine import machine_facts, package_versions

SEEDS = 5


@dataclass(frozen=True)
class Request:
    """What is asked of a study; see :func:`convwise.studies.study.study`.

    Raises:
        OptionError: a number is out of range.
    """

    questions: tuple[Question, ...]
    seeds: int | None = None
    margin: float = MARGIN
    budget: float | None = None
    images: int | None = None
    epochs: int | None = None
    own: Question | None = None
    keep_models: bool = False

    def __post_init__(self) -> None:
        if not self.questions:
            raise OptionError("name at least one question, or give one of your own")
        for name, least, most in (
            ("seeds", 1, 1_000),
            ("images", 20, 10**9),
            ("epochs", 1, 10_000),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise OptionError(f"--{name} {value}: use a number from {least:,} to {most:,}")
        if not 0 < self.margin < 1:
            raise OptionError(f"--margin {self.margin:g}: use a share such as 0.5%")


@dataclass(frozen=True)
class Work:
    """A study whose request has been checked, and whose images are read."""

    request: Request
    material: Material
    folder: StudyFolder
    watcher: StudyWatcher
    command: str
    fuse: bool

    def run(self) -> tuple[dict[str, Any], tuple[Answer, ...]]:
        """Do the trials; return the content of study.json, and the answers."""
        request, material = self.request, self.material
        setting = Setting(material.pool.shape, material.classes)
        arms = {question.name: question.arms(setting) for question in request.questions}
        _require_fit(arms, setting)
        asked = {"images": request.images, "epochs": request.epochs}
        scale = settled_scale(self.folder, asked, material.fingerprint)
        speeds = self._speeds(arms, setting) if request.budget else {}
        fit = self._fit(scale, speeds)
        setting = dataclasses.replace(setting, seconds=fit.scale.seconds)
        facts = self._facts(fit)
        self.folder.write_facts(facts)
        expected = {key: _seconds(speed, fit.scale, material) for key, speed in speeds.items()}
        trials = [
            Trial(question, arm, seed, setting, fit.scale, request.keep_models)
            for seed in range(fit.seeds)
            for question in request.questions
            for arm in question.arms(setting)
        ]

        def answered(cells: Sequence[Cell]) -> tuple[Answer, ...]:
            return answers(request.questions, setting, cells, request.margin)

        cells = run_trials(
            trials,
            material,
            self.folder,
            Deadline(request.budget, expected),
            self.watcher,
            answered,
            fuse=self.fuse,
        )
        missing = len(trials) - len(cells)
        if missing:
            facts["given_up"].append(f"{missing} of {len(trials)} cells, as the time was over")
            self.folder.write_facts(facts)
        return facts, answered(list(cells.values()))

    def _fit(self, scale: Scale | None, speeds: Mapping[tuple[str, str], Speed]) -> Fit:
        request = self.request
        seeds = request.seeds or SEEDS
        if scale is not None:
            known: int = self.folder.facts()["seeds"]
            # A budget was fitted when the study began: the same command goes on with its seeds.
            fitted_before = request.seeds is None or request.budget is not None
            return Fit(scale, known if fitted_before else seeds, ())
        wished = Scale(request.images, request.epochs or Scale.epochs)
        if request.budget is None:
            return Fit(wished, seeds, ())
        fit = fitted(request.budget, list(speeds.values()), wished, seeds, self.material.trainable)
        told = f"gives up {', '.join(fit.given_up)}" if fit.given_up else "gives up nothing"
        self.watcher.message(
            f"{fit.seeds} seeds, {fit.scale.images or self.material.trainable:,} training images,"
            f" {fit.scale.epochs} epochs fit the budget: {told}"
        )
        return fit

    def _speeds(
        self, arms: Mapping[str, Sequence[Arm]], setting: Setting
    ) -> dict[tuple[str, str], Speed]:
        self.watcher.message("timing each arm for a moment")
        speeds = {}
        for question, each in arms.items():
            for arm in each:
                speeds[question, arm.name] = measure(arm, setting, self._scored_images(arm))
        return speeds

    def _scored_images(self, arm: Arm) -> int:
        """Return how many predictions all test sets of an arm need."""
        test = self.material.test
        sets = arm.task.tests(test.pixels, test.labels)
        # Of two images, all views are made in no time.
        small = arm.task.tests(test.take(slice(0, 2)), test.labels[:2])
        return sum(
            len(large.labels) * sum(1 for _ in few.views)
            for large, few in zip(sets, small, strict=True)
        )

    def _facts(self, fit: Fit) -> dict[str, Any]:
        before = self.folder.facts()
        material, request = self.material, self.request
        given_up = list(fit.given_up) or before.get("given_up", [])
        return {
            "created": before.get("created")
            or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": self.command,
            "data": {
                "name": material.name,
                "source": material.source,
                "fingerprint": material.fingerprint,
                "classes": list(material.classes),
                "image": list(material.pool.shape),
                "train_images": fit.scale.images or material.trainable,
                "test_images": len(material.test),
            },
            "questions": [question.name for question in request.questions],
            "own": None if request.own is None else request.own.name,
            "seeds": fit.seeds,
            "margin": request.margin,
            "budget": request.budget,
            "scale": dataclasses.asdict(fit.scale),
            "given_up": [each for each in given_up if "as the time was over" not in each],
            "machine": machine_facts(),
            "versions": package_versions(),
        }


def _require_fit(arms: Mapping[str, Sequence[Arm]], setting: Setting) -> None:
    """Check that every arm's network fits the images, before anything is timed or trained."""
    for question, each in arms.items():
        for arm in each:
            try:
                arm.plan(setting)
            except DesignError as error:
                raise DesignError(
                    f"{error}: the arm {arm.name} of the question {question} does not fit images of"
                    f" {'×'.join(map(str, setting.image))}",
                    fixes=(f"leave {question} out of --questions", "give larger images"),
                ) from None


def _seconds(speed: Speed, scale: Scale, material: Material) -> float:
    images = scale.images or material.trainable
    training = scale.seconds if speed.timed else speed.training * images * scale.epochs
    return FIXED_SECONDS + training + speed.scoring
