"""Read a study from its folder, without its images."""

from __future__ import annotations

from pathlib import Path

from convwise.errors import OptionError
from convwise.studies.cell import Cell, read_cell
from convwise.studies.findings import answers
from convwise.studies.folder import StudyFolder
from convwise.studies.question import Setting
from convwise.studies.registry import chosen_questions
from convwise.studies.study import Study
from convwise.studies.trial import Scale


def read_study(path: Path) -> Study:
    """Return a study as it stands in its folder; what is still to be done is missing.

    Args:
        path: the folder.

    Raises:
        DataError: study.json is damaged.
        OptionError: there is no study, or it has a question that convwise does not know.
    """
    folder = StudyFolder(path)
    facts = folder.facts()
    if not facts:
        raise OptionError(f"{path} holds no study; give the folder that has a study.json")
    if facts["own"] is not None:
        raise OptionError(
            f"{path} has a question of your own, {facts['own']}; run its command again to read it"
        )
    data, scale = facts["data"], Scale(**facts["scale"])
    setting = Setting(tuple(data["image"]), tuple(data["classes"]), scale.seconds)
    questions = chosen_questions(facts["questions"])
    cells: list[Cell] = []
    for question in questions:
        for arm in question.arms(setting):
            for seed in range(facts["seeds"]):
                cell = read_cell(path / "cells" / f"{question.name}--{arm.name}--{seed}.json")
                cells += [] if cell is None else [cell]
    return Study(path, facts, answers(questions, setting, cells, facts["margin"]))
