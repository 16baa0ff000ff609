"""Run the trials of a study, together with whoever else works in the same folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from convwise.studies.cell import Cell
from convwise.studies.claims import Claims
from convwise.studies.deadline import Deadline
from convwise.studies.findings import Answer
from convwise.studies.folder import StudyFolder
from convwise.studies.material import Material
from convwise.studies.trial import Interrupted, Trial
from convwise.studies.workers import PAUSE, Workers
from convwise.training.interrupt import StopOnSignal


class StudyWatcher:
    """Receives news of a study; the methods do nothing unless overridden."""

    def message(self, text: str) -> None:
        """Something worth a line happened."""

    def reading(self, done: int, total: int) -> None:
        """So many of the pictures are decoded."""

    def started(self, cells: int, done: int) -> None:
        """So many cells are wanted, and so many of them are there already."""

    def cell_started(self, name: str) -> None:
        """A trial begins."""

    def cell_done(self, name: str, done: int, left: float) -> None:
        """A trial ended; so many cells are there, and about so many seconds are left."""

    def answers(self, answers: Sequence[Answer]) -> None:
        """All arms have a further seed: this is what can be said now."""


class Course:
    """Trials on their way to become cells.

    Every trial is claimed before it is begun, and its cell is written before the claim is given
    back, both here: workers need no access to the folder.

    Args:
        trials: seed by seed, so that all questions have as many seeds when time is over.
        material: the images.
        folder: of the study.
        workers: who carries out the trials.
        deadline: says for which trials there is no time.
        watcher: told about progress, and what can be said after each seed.
        answered: returns what the cells so far say.

    Attributes:
        cells: those that are there, by the names of their trials.
        gave_up: whether the last run was ended before all was begun.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        material: Material,
        folder: StudyFolder,
        workers: Workers,
        deadline: Deadline,
        watcher: StudyWatcher,
        answered: Callable[[Sequence[Cell]], Sequence[Answer]],
    ) -> None:
        self._trials, self._material, self._folder = trials, material, folder
        self._workers, self._deadline = workers, deadline
        self._watcher, self._answered = watcher, answered
        self._claims = Claims(folder.claims)
        self._running: dict[str, contextlib.ExitStack] = {}
        self.cells: dict[str, Cell] = {}
        self.gave_up = False
        self._waiting: list[Trial] = []
        for trial in trials:
            cell = folder.cell(trial, material)
            if cell is None:
                self._waiting.append(trial)
            else:
                self.cells[trial.name] = cell

    @property
    def missing(self) -> list[Trial]:
        """The trials that have no cell."""
        return [trial for trial in self._trials if trial.name not in self.cells]

    def run(self, better: Callable[[Sequence[Trial]], object | None]) -> None:
        """Do all trials that nobody has done, in order, and wait for those that others are at.

        Trials that would not end in time are left out.

        Args:
            better: asked after each cell, with the trials that are missing, for something better to
                do; where there is, no further trial is begun.

        Raises:
            Interrupted: the user stopped it.
            RequestError, TrainingError: a trial failed.
        """
        self._watcher.started(len(self._trials), len(self.cells))
        with StopOnSignal(self._tell_of_stop) as stop, contextlib.ExitStack() as claims:
            claims.callback(self._give_back)
            while self._waiting or self._running:
                if stop.requested:
                    self._workers.stop()
                    raise Interrupted
                self._begin()
                if self._take_in() and better(self.missing) is not None:
                    self.gave_up = True
                    self._waiting.clear()

    def _tell_of_stop(self) -> None:
        self._watcher.message("stopping after this step; Ctrl-C again to stop at once")

    def _give_back(self) -> None:
        for claim in self._running.values():
            claim.close()
        self._running.clear()

    def _begin(self) -> None:
        """Begin trials while there is room for them."""
        room = self._workers.places() - len(self._running)
        kept = []
        for trial in self._waiting:
            if room == 0:
                kept.append(trial)
            elif (cell := self._folder.cell(trial, self._material)) is not None:
                self._add(trial, cell)
            elif not self._deadline.allows(trial):
                continue
            elif self._claimed(trial):
                room -= 1
            elif trial.name not in self.cells:
                kept.append(trial)
        self._waiting = kept

    def _claimed(self, trial: Trial) -> bool:
        """Claim a trial and submit it; return False where others have it, or have done it."""
        with contextlib.ExitStack() as claim:
            if not claim.enter_context(self._claims.claimed(trial.name)):
                return False
            # Its last owner may have ended between our look and our claim.
            cell = self._folder.cell(trial, self._material)
            if cell is not None:
                self._add(trial, cell)
                return False
            self._watcher.cell_started(trial.name)
            self._workers.submit(trial)
            self._running[trial.name] = claim.pop_all()
        return True

    def _take_in(self) -> bool:
        """Keep the cells of trials that have ended; return whether there were any."""
        if not self._running:
            if self._waiting:
                time.sleep(PAUSE)
            return False
        ended = self._workers.finished(PAUSE)
        for job, outcome in ended:
            assert isinstance(job, Trial)
            with self._running.pop(job.name):
                cell = outcome.value()
                self._folder.keep(job, cell)
            self._deadline.learn(job, outcome.seconds)
            self._add(job, cell)
        return bool(ended)

    def _add(self, trial: Trial, cell: Cell) -> None:
        self.cells[trial.name] = cell
        missing = self.missing
        left = sum(map(self._deadline.seconds_of, missing)) / self._workers.places()
        self._watcher.cell_done(trial.name, len(self.cells), left)
        if all(each.seed != trial.seed for each in missing):
            self._watcher.answers(self._answered(list(self.cells.values())))
