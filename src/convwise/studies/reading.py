"""A study read back from its folder, whole or still at work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.errors import DataError, OptionError
from convwise.studies.cell import Cell, read_cell
from convwise.studies.findings import answers
from convwise.studies.folder import StudyFolder
from convwise.studies.question import Question, Setting
from convwise.studies.registry import all_questions
from convwise.studies.study import Study
from convwise.studies.trial import Scale, Trial


@dataclass(frozen=True)
class StudySoFar:
    """A study and how far it has come.

    Args:
        study: what its cells say.
        done: cells that are there.
        wanted: cells that were asked for.
        unknown: questions that cannot be read back, such as one of the user's own.
    """

    study: Study
    done: int
    wanted: int
    unknown: tuple[str, ...]


def read_study(path: Path) -> StudySoFar:
    """Return what the cells in a study's folder say.

    Args:
        path: the folder; another process may be at work on it.

    Raises:
        DataError: there is no study.json, or it is damaged.

    Example:
        >>> read_study(Path("nowhere"))
        Traceback (most recent call last):
        convwise.errors.DataError: nowhere: no study.json there; give the folder of a study
    """
    facts = StudyFolder(path).facts()
    if not facts:
        raise DataError(f"{path}: no study.json there; give the folder of a study")
    try:
        return _read(path, facts)
    except (KeyError, TypeError, ValueError, AttributeError, OptionError) as error:
        raise DataError(
            f"{path / 'study.json'} is not as a study writes it ({type(error).__name__}: {error});"
            " run the study again"
        ) from None


def _read(path: Path, facts: dict[str, Any]) -> StudySoFar:
    known = all_questions()
    names = [str(name) for name in facts["questions"]]
    questions = [known[name] for name in names if name in known]
    data, scale = facts["data"], Scale(**facts["scale"])
    height, width, channels = (int(side) for side in data["image"])
    setting = Setting(
        (height, width, channels), tuple(map(str, data["classes"])), float(scale.seconds)
    )
    trials = [
        Trial(question, arm, seed, setting, scale)
        for question in questions
        for arm in question.arms(setting)
        for seed in range(int(facts["seeds"]))
    ]
    cells = [cell for trial in trials if (cell := _cell(path, trial, str(data["fingerprint"])))]
    found = answers(_with_cells(questions, cells), setting, cells, float(facts["margin"]))
    unknown = tuple(name for name in names if name not in known)
    return StudySoFar(Study(path, facts, found), len(cells), len(trials), unknown)


def _cell(path: Path, trial: Trial, fingerprint: str) -> Cell | None:
    cell = read_cell(path / "cells" / f"{trial.name}.json")
    return cell if cell is not None and cell.digest == trial.digest_on(fingerprint) else None


def _with_cells(questions: list[Question], cells: list[Cell]) -> list[Question]:
    """Return the questions that something can be said to: computed ones, and those begun."""
    begun = {cell.question for cell in cells}
    return [question for question in questions if question.compute or question.name in begun]
