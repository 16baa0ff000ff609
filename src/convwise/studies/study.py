"""study: design questions, settled by paired experiments on the user's own images."""

from __future__ import annotations

import dataclasses
import datetime
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.data import load_data
from convwise.data.dataset import MAX_BAD, Dataset, Decoded
from convwise.data.pixel_cache import PixelCache
from convwise.errors import DesignError, OptionError
from convwise.studies.budget import Fit, Speed, fitted, measure
from convwise.studies.cell import Cell
from convwise.studies.findings import Answer, Finding, answers
from convwise.studies.folder import STUDIES, StudyFolder, settled_scale
from convwise.studies.material import Material
from convwise.studies.own import question_of
from convwise.studies.question import Arm, Question, Setting
from convwise.studies.registry import chosen_questions
from convwise.studies.runner import Deadline, StudyWatcher, run_trials
from convwise.studies.trial import FIXED_SECONDS, Scale, Trial
from convwise.studies.verdict import MARGIN
from convwise.training.machine import machine_facts, package_versions
from convwise.training.train import use_threads

SEEDS = 5


@dataclass(frozen=True)
class Study:
    """What a study came to.

    Args:
        folder: where it lies.
        facts: the content of study.json.
        answers: one for each question.
    """

    folder: Path
    facts: dict[str, Any]
    answers: tuple[Answer, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What each comparison came to, question by question, headlines first."""
        return tuple(finding for answer in self.answers for finding in answer.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as ``convwise study --json`` prints them."""
        found = [finding.to_json() for finding in self.findings]
        computed: list[dict[str, Any]] = [
            {
                "question": answer.question.name,
                "arms": list(answer.computed.lines),
                "difference": None,
                "interval": None,
                "verdict": "computed",
                "cost": {},
                "sentence": answer.computed.sentence,
                "table": [list(answer.computed.heads), *map(list, answer.computed.rows)],
            }
            for answer in self.answers
            if answer.computed is not None
        ]
        return {"study": str(self.folder), **self.facts, "findings": [*found, *computed]}

    def to_dataframe(self) -> Any:
        """Return the findings as a pandas DataFrame, a row each.

        Raises:
            OptionError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise OptionError("to_dataframe needs pandas; run: pip install pandas") from None
        rows = []
        for finding in self.findings:
            values = finding.to_json()
            low, high = values["interval"] or (math.nan, math.nan)
            arm, baseline = values["arms"]
            rows.append(
                {
                    "question": finding.question,
                    "arm": arm,
                    "baseline": baseline,
                    "on": values["on"],
                    "difference": values["difference"],
                    "low": low,
                    "high": high,
                    "verdict": values["verdict"],
                    "seeds": len(finding.seeds),
                    "images": finding.images,
                }
            )
        return pandas.DataFrame(rows)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(answer.question.name)}</td>"
            f"<td style='text-align:left'>{html.escape(answer.sentence)}</td></tr>"
            for answer in self.answers
        )
        return f"<table><tr><th>question</th><th>verdict</th></tr>{rows}</table>"


def study(
    data: str | Path | Dataset | Decoded,
    questions: Sequence[str | Question] = ("all",),
    seeds: int | None = None,
    *,
    own: Mapping[str, Any] | None = None,
    margin: float = MARGIN,
    budget: float | None = None,
    images: int | None = None,
    epochs: int | None = None,
    out: str | Path | None = None,
    threads: int | None = None,
    watcher: StudyWatcher | None = None,
    command: str = "",
    fuse: bool = True,
    cache: bool = True,
    **data_options: Any,
) -> Study:
    """Answer questions of design by paired experiments on these images.

    A study that was begun in the same folder goes on: cells that are there are not done again.

    Args:
        data: a named data set, a folder of class folders, or a data set that was loaded before.
        questions: their names, or ``all``; questions of your own may stand among them.
        seeds: how many trainings each arm gets; 5, or as many as fit the budget.
        own: a question of your own as ``study.toml`` holds it: ``base`` and ``vary``.
        margin: the smallest difference of interest, as a share.
        budget: seconds for all; seeds, epochs and images are chosen so that it suffices.
        images: that each training gets; all of them unless given.
        epochs: of each training; 10 unless given.
        out: the study's folder; ``studies/<data>`` unless given.
        threads: of torch; all cores of this process unless given.
        watcher: told about progress.
        command: recorded as the command that repeats the study.
        fuse: compute neighbouring layers together, as trainings do.
        cache: take decoded pixels from the user's cache, and keep them there.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read or learnt from.
        DesignError: an arm's network does not fit the images.
        OptionError: an option cannot be used, or the folder holds another study.
        Interrupted: the user stopped it; what is done is kept.
    """
    mine = None if own is None else question_of(own)
    request = Request(_asked(questions, mine), seeds, margin, budget, images, epochs, mine)
    watcher = watcher or StudyWatcher()
    use_threads(threads)
    material = _material(data, watcher, cache, data_options)
    folder = StudyFolder.opened(Path(out) if out else STUDIES / material.name)
    return _Work(request, material, folder, watcher, command, fuse).run()


def _asked(questions: Sequence[str | Question], own: Question | None) -> tuple[Question, ...]:
    """Return the questions, each name once."""
    names = [each for each in questions if isinstance(each, str)]
    asked = list(chosen_questions(names)) if names else []
    asked += [each for each in questions if isinstance(each, Question)]
    asked += [own] if own is not None else []
    return tuple({question.name: question for question in asked}.values())


@dataclass(frozen=True)
class Request:
    """What is asked of a study; see :func:`study`.

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
class _Work:
    """A study whose request has been checked."""

    request: Request
    material: Material
    folder: StudyFolder
    watcher: StudyWatcher
    command: str
    fuse: bool

    def run(self) -> Study:
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
            Trial(question, arm, seed, setting, fit.scale)
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
        return Study(self.folder.path, facts, answered(list(cells.values())))

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


def _material(
    data: str | Path | Dataset | Decoded,
    watcher: StudyWatcher,
    cache: bool,
    data_options: Mapping[str, Any],
) -> Material:
    if isinstance(data, str | Path):
        data = load_data(data, **data_options)
    if isinstance(data, Dataset):
        kept = PixelCache.of_user(watcher.message) if cache else None
        data = data.decode(watcher.reading, cache=kept)
    data.require_learnable(MAX_BAD)
    return Material.of(data)
