"""Run the trials of a study, together with whoever else works in the same folder."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from convwise.studies.cell import Cell
from convwise.studies.claims import Claims
from convwise.studies.findings import Answer
from convwise.studies.folder import StudyFolder
from convwise.studies.material import Material
from convwise.studies.trial import Trial

PAUSE = 0.5


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


class Deadline:
    """When to begin no further trial.

    Args:
        seconds: from now; None for never.
        expected: seconds of each trial, by question and arm, as far as they are known.
    """

    def __init__(self, seconds: float | None, expected: Mapping[tuple[str, str], float]) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._expected = dict(expected)
        self._ratios: list[float] = []

    def seconds_of(self, trial: Trial) -> float:
        """Return how long a trial will take, by what trials took so far."""
        known = self._expected.get((trial.question.name, trial.arm.name), 0.0)
        return known * (statistics.median(self._ratios) if self._ratios else 1.0)

    def allows(self, trial: Trial) -> bool:
        """Return whether the trial would end in time."""
        return self._end is None or time.monotonic() + self.seconds_of(trial) <= self._end

    def learn(self, trial: Trial, seconds: float) -> None:
        """Take in how long a trial took."""
        key = (trial.question.name, trial.arm.name)
        if self._expected.get(key):
            self._ratios.append(seconds / self.seconds_of(trial) * self._ratio)
        else:
            self._expected[key] = seconds / self._ratio

    @property
    def _ratio(self) -> float:
        return statistics.median(self._ratios) if self._ratios else 1.0


def run_trials(
    trials: Sequence[Trial],
    material: Material,
    folder: StudyFolder,
    deadline: Deadline,
    watcher: StudyWatcher,
    answered: Callable[[Sequence[Cell]], Sequence[Answer]],
    *,
    fuse: bool,
) -> dict[str, Cell]:
    """Do all trials that nobody has done, in order, and wait for those that others are at.

    Args:
        trials: seed by seed, so that all questions have as many seeds when time is over.
        material: the images.
        folder: of the study.
        deadline: says for which trials there is no time.
        watcher: told about progress, and what can be said after each seed.
        answered: returns what the cells so far say.
        fuse: see ``training.fit.fit_model``.

    Returns:
        The cells by the names of their trials; those for which there was no time are missing.

    Raises:
        Interrupted: the user stopped a training.
    """
    cells = {
        trial.name: cell for trial in trials if (cell := folder.cell(trial, material)) is not None
    }
    claims = Claims(folder.claims)
    last_of_seeds = set({trial.seed: trial.name for trial in trials}.values())
    waiting = [trial for trial in trials if trial.name not in cells]
    watcher.started(len(trials), len(cells))
    while waiting:
        others = []
        for place, trial in enumerate(waiting):
            if not deadline.allows(trial):
                continue
            cell = _done(trial, material, folder, claims, deadline, watcher, fuse=fuse)
            if cell is None:
                others.append(trial)
                continue
            cells[trial.name] = cell
            left = sum(deadline.seconds_of(each) for each in (*waiting[place + 1 :], *others))
            watcher.cell_done(trial.name, len(cells), left)
            if trial.name in last_of_seeds:
                watcher.answers(answered(list(cells.values())))
        waiting = others
        if waiting:
            time.sleep(PAUSE)
    return cells


def _done(
    trial: Trial,
    material: Material,
    folder: StudyFolder,
    claims: Claims,
    deadline: Deadline,
    watcher: StudyWatcher,
    *,
    fuse: bool,
) -> Cell | None:
    """Return the trial's cell, done here or by someone else; None where someone is at it."""
    if (cell := folder.cell(trial, material)) is not None:
        return cell
    with claims.claimed(trial.name) as ours:
        # Its last owner may have ended between our look and our claim.
        cell = folder.cell(trial, material)
        if not ours or cell is not None:
            return cell
        watcher.cell_started(trial.name)
        start = time.monotonic()
        cell = trial.run(material, fuse=fuse)
        folder.keep(trial, cell)
        deadline.learn(trial, time.monotonic() - start)
        return cell
