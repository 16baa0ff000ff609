"""The work of a study: settle what it will be, do its trials, write down what was asked."""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from convwise.studies.budget import Fit, given_up
from convwise.studies.cell import Cell
from convwise.studies.computing import Computing
from convwise.studies.deadline import Deadline
from convwise.studies.findings import Answer, answers
from convwise.studies.folder import StudyFolder, require_same
from convwise.studies.material import Material
from convwise.studies.question import Setting
from convwise.studies.request import Request, require_fit
from convwise.studies.runner import Course, StudyWatcher
from convwise.studies.settling import hired, settled
from convwise.studies.study_plan import StudyPlan
from convwise.studies.timing import Timing
from convwise.studies.trial import Scale, Trial
from convwise.studies.workers import Workers
from convwise.training.machine import machine_facts, package_versions


@dataclass(frozen=True)
class Work:
    """A study whose request has been checked, and whose images are read.

    Args:
        request: what is asked.
        material: the images.
        folder: of the study.
        watcher: told about progress.
        computing: where to compute, as far as it was asked for.
        deadline: of the study.
        command: that repeats it.
        fuse: see ``training.fit.fit_model``.
    """

    request: Request
    material: Material
    folder: StudyFolder
    watcher: StudyWatcher
    computing: Computing
    deadline: Deadline
    command: str
    fuse: bool

    def run(self) -> tuple[dict[str, Any], tuple[Answer, ...]]:
        """Do the trials; return the content of study.json, and the answers."""
        setting = Setting(self.material.pool.shape, self.material.classes)
        questions = self.request.questions
        require_fit({question.name: question.arms(setting) for question in questions}, setting)
        timings = [
            Timing(question.name, arm, setting, self.fuse)
            for question in questions
            for arm in question.arms(setting)
        ]
        with contextlib.ExitStack() as stack:
            with self.folder.settling(self.watcher.message):
                plan, workers, fresh = self._settled(timings, stack)
            plan, cells = self.done(plan, workers, fresh=fresh)
        missing = len(plan.trials()) - len(cells)
        facts = self._write(plan, fresh=fresh, missing=missing)
        return facts, self._answered(plan, list(cells.values()))

    def _settled(
        self, timings: Sequence[Timing], stack: contextlib.ExitStack
    ) -> tuple[StudyPlan, Workers, bool]:
        """Return what the study will be, who does it, and whether it begins now."""
        request, material, tell = self.request, self.material, self.watcher.message
        asked = {"images": request.images, "epochs": request.epochs}
        require_same(self.folder, asked, material.fingerprint)
        before = self.folder.facts()
        computing, workers = hired(self.computing, request, material, before, timings, tell)
        stack.callback(workers.close)
        plan = settled(
            request,
            material,
            before,
            computing,
            workers,
            timings,
            self.deadline,
            tell,
            fuse=self.fuse,
        )
        self._write(plan, fresh=not before)
        if request.budget is not None and not before:
            lost = ", ".join(self._given_up(plan)) or "nothing"
            tell(f"{plan.told} fit the budget: gives up {lost}")
        return plan, workers, not before

    def done(
        self, plan: StudyPlan, workers: Workers, *, fresh: bool
    ) -> tuple[StudyPlan, dict[str, Cell]]:
        """Do the trials; return the plan as it was followed in the end, and their cells.

        A plan changes where trials take so long that some question would have no answer: then all
        is begun again at a smaller scale. And a fresh one grows by a seed while there is time.
        """
        self.deadline.foresee(plan.expected())
        while True:
            course = Course(
                plan.trials(),
                self.material,
                self.folder,
                workers,
                self.deadline,
                self.watcher,
                functools.partial(self._answered, plan),
            )
            course.run(functools.partial(self._other, plan, workers))
            if course.gave_up:
                other = self._other(plan, workers, course.missing)
                if other is None:
                    continue
                self.watcher.message(f"too slow for the budget; from now on {other.told}")
                self.deadline.foresee(other.expected())
            elif fresh and self._may_grow(plan, workers, course.missing):
                other = replace(plan, seeds=plan.seeds + 1)
            else:
                return plan, course.cells
            plan = other
            self._write(plan, fresh=fresh)

    def _other(
        self, plan: StudyPlan, workers: Workers, missing: Sequence[Trial]
    ) -> StudyPlan | None:
        """Return the plan to go over to: a smaller one, or one that another process settled."""
        facts = self.folder.facts()
        if facts and (scale := Scale(**facts["scale"])) != plan.scale:
            return replace(plan, scale=scale, seeds=facts["seeds"])
        return plan.smaller(missing, self.deadline, workers.places())

    def _may_grow(self, plan: StudyPlan, workers: Workers, missing: Sequence[Trial]) -> bool:
        if self.request.budget is None or missing or plan.seeds >= self.request.wished_seeds:
            return False
        more = sum(map(self.deadline.seconds_of, plan.trials_of(plan.seeds)))
        return more / workers.places() <= self.deadline.left

    def _answered(self, plan: StudyPlan, cells: Sequence[Cell]) -> tuple[Answer, ...]:
        return answers(plan.questions, plan.setting, cells, self.request.margin)

    def _given_up(self, plan: StudyPlan) -> list[str]:
        request, fit = self.request, Fit(plan.scale, plan.seeds)
        return given_up(fit, request.wished_scale, request.wished_seeds, plan.trainable)

    def _write(self, plan: StudyPlan, *, fresh: bool, missing: int = 0) -> dict[str, Any]:
        """Write study.json and return its content."""
        before = self.folder.facts()
        material, request = self.material, self.request
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        lost = self._given_up(plan) if fresh else before.get("given_up", [])
        lost = [each for each in lost if "as the time was over" not in each]
        if missing:
            lost.append(f"{missing} of {len(plan.trials())} cells, as the time was over")
        facts = {
            "created": before.get("created") or now,
            "command": self.command,
            "data": {
                "name": material.name,
                "source": material.source,
                "fingerprint": material.fingerprint,
                "classes": list(material.classes),
                "image": list(material.pool.shape),
                "train_images": plan.scale.images or material.trainable,
                "test_images": len(material.test),
            },
            "questions": [question.name for question in plan.questions],
            "own": None if request.own is None else request.own.name,
            "seeds": plan.seeds,
            "margin": request.margin,
            "budget": request.budget,
            "scale": asdict(plan.scale),
            "computing": asdict(plan.computing),
            "given_up": lost,
            "machine": machine_facts(),
            "versions": package_versions(),
        }
        self.folder.write_facts(facts)
        return facts
