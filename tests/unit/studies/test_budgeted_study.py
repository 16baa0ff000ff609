"""All ten questions within a budget, on a clock that only trials move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.data.store import PixelStore
from convwise.studies.cell import Cell, Cost, Score
from convwise.studies.computing import Computing
from convwise.studies.deadline import Deadline
from convwise.studies.findings import Answer, answers
from convwise.studies.folder import StudyFolder
from convwise.studies.material import Material
from convwise.studies.question import Setting
from convwise.studies.registry import all_questions
from convwise.studies.request import Request
from convwise.studies.settling import settled
from convwise.studies.study_plan import StudyPlan
from convwise.studies.timing import Speed, Timing
from convwise.studies.trial import Trial
from convwise.studies.work import Work
from convwise.studies.workers import Job, Outcome, Workers
from toy_study import Notes

BUDGET = 1_800.0
CLASSES = tuple("abcdefghij")
SETTING = Setting((28, 28, 1), CLASSES)
QUESTIONS = tuple(all_questions().values())
TESTED = 20

Slowness = Callable[[float], float]


def store(count: int) -> PixelStore:
    labels = np.sort(np.arange(count) % len(CLASSES))
    pixels = np.zeros((count, *SETTING.image), np.uint8)
    return PixelStore(pixels, labels, tuple(map(str, range(count))))


MATERIAL = Material("blank", "blank", CLASSES, store(9_200), store(TESTED), "0" * 64)


def speed_of(job: Timing | Trial) -> Speed:
    """Two cores of some processor, about."""
    return Speed(1.2, 0.03, 3e-5 + 3 * job.arm.plan(SETTING).total_flops / 6e10, 0.8)


class FakeWorkers(Workers):
    """Does nothing, and lets the clock tell how long it took."""

    def __init__(self, places: int, slowness: Slowness) -> None:
        self.now = 0.0
        self._places, self._slowness = places, slowness
        self._ends: list[tuple[float, float, Job]] = []
        self.names: dict[Any, list[str]] = {}

    def places(self) -> int:
        return self._places

    def submit(self, job: Job) -> None:
        assert len(self._ends) < self._places
        seconds = 1.0
        if isinstance(job, Trial):
            seconds = speed_of(job).seconds(job.recipe, job.scale.images or MATERIAL.trainable)
        seconds *= self._slowness(self.now)
        self._ends.append((self.now + seconds, seconds, job))

    def finished(self, patience: float) -> list[tuple[Job, Outcome]]:
        end, seconds, job = min(self._ends, key=lambda each: each[0])
        self._ends.remove((end, seconds, job))
        self.now = max(self.now, end)
        result = speed_of(job) if isinstance(job, Timing) else self._cell(job)
        return [(job, Outcome(result, seconds))]

    def _cell(self, job: Job) -> Cell:
        assert isinstance(job, Trial)
        task = job.arm.task
        if task not in self.names:
            images = np.zeros((2, *SETTING.image), np.uint8)
            self.names[task] = [each.name for each in task.tests(images, np.zeros(2, np.int64))]
        scores = {name: Score(np.ones(TESTED, np.uint8), 1) for name in self.names[task]}
        cost = Cost(1, 1, 1.0, 1.0, job.scale.epochs)
        digest = job.digest(MATERIAL)
        return Cell(job.question, job.arm.name, job.seed, digest, scores, cost)


def run(
    folder: Path, places: int, slowness: Slowness
) -> tuple[StudyPlan, tuple[Answer, ...], float, Notes]:
    workers, notes = FakeWorkers(places, slowness), Notes()
    deadline = Deadline(BUDGET, clock=lambda: workers.now)
    request = Request(QUESTIONS, budget=BUDGET)
    timings = [Timing(q.name, arm, SETTING, True) for q in QUESTIONS for arm in q.arms(SETTING)]
    computing = Computing("local", places, 1)
    plan = settled(
        request, MATERIAL, {}, computing, workers, timings, deadline, notes.message, fuse=True
    )
    study = StudyFolder.opened(folder)
    work = Work(request, MATERIAL, study, notes, computing, deadline, "", True)
    plan, cells = work.done(plan, workers, fresh=True)
    found = answers(QUESTIONS, plan.setting, list(cells.values()), request.margin)
    return plan, found, workers.now, notes


def seeds_of(found: tuple[Answer, ...]) -> list[int]:
    return [len(each.findings[0].seeds) for each in found if each.computed is None]


@pytest.mark.parametrize(
    ("places", "slowness", "seeds"),
    [
        (1, lambda now: 1.0, 3),
        (2, lambda now: 1.0, 3),
        (2, lambda now: 1.6, 2),
        (1, lambda now: 4.0, 2),
        (2, lambda now: 4.0, 2),
        (2, lambda now: 1.0 if now < 200 else 3.0, 2),
        (1, lambda now: 1.0 if now < 900 else 3.0, 1),
        (2, lambda now: 1.0 + now % 60 / 30, 2),
    ],
    ids=[
        "as timed, one at once",
        "as timed",
        "busy",
        "very busy, one at once",
        "very busy",
        "busy soon",
        "busy late, one at once",
        "up and down",
    ],
)
def test_all_ten_questions_have_an_answer_in_time(
    tmp_path: Path, places: int, slowness: Slowness, seeds: int
) -> None:
    _, found, ended, _ = run(tmp_path / "study", places, slowness)
    assert ended <= 1.1 * BUDGET
    assert len(found) == 10
    assert min(seeds_of(found)) >= seeds
    assert all(each.sentence for each in found)


def test_a_slow_machine_gets_a_smaller_study_and_is_told_so(tmp_path: Path) -> None:
    usual, _, _, _ = run(tmp_path / "usual", 1, lambda now: 1.0)
    slow, _, _, notes = run(tmp_path / "slow", 1, lambda now: 4.0)
    assert slow.work < usual.work
    assert any(message.startswith("too slow for the budget") for message in notes.messages)
    names = [name for name in notes.cells if name == notes.cells[0]]
    assert len(names) == 2, "what was done at the larger scale is done again"


def test_time_that_is_left_gives_further_seeds(tmp_path: Path) -> None:
    usual, _, _, _ = run(tmp_path / "usual", 1, lambda now: 1.0)
    quick, found, ended, _ = run(tmp_path / "quick", 1, lambda now: 0.5)
    assert quick.seeds > usual.seeds
    assert quick.work == pytest.approx(usual.work, rel=0.05)
    assert set(seeds_of(found)) == {quick.seeds}
    assert ended <= BUDGET
