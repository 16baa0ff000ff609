"""All that the page of a run shows, collected from its files; nothing is read or written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from convwise.report.asked import Asked, asked
from convwise.report.calibration import Calibration, calibration
from convwise.report.cell_images import by_cell, cell_images
from convwise.report.charts.bars import score_line
from convwise.report.class_maps import ClassMaps
from convwise.report.class_table import Classes, classes
from convwise.report.confusion import Matrix, matrix
from convwise.report.data_summary import Data, data_summary
from convwise.report.fields import items, mapping, number, text
from convwise.report.learning import Learning, learning
from convwise.report.mistakes import Gallery, gallery
from convwise.report.next_steps import NextStep, next_steps
from convwise.report.notices import notices
from convwise.report.run_cost import Cost, run_cost
from convwise.report.run_design import Design, plan_of_run, run_design
from convwise.report.run_folder import RunFiles
from convwise.report.run_repeat import Repeat, run_repeat
from convwise.report.scores import Scores, read_scores
from convwise.report.shift_section import Shift, shift
from convwise.report.verdict import verdict
from convwise.report.wording import moment, percent, shown

Pictures = Mapping[str, npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Score:
    """The number at the top: its text, its interval, and where it lies between 0 and 1."""

    accuracy: str
    interval: str | None
    split: str
    chance: str | None
    line: Markup


@dataclass(frozen=True)
class RunPage:
    """The template's whole context."""

    title: str
    created: str | None
    notices: tuple[str, ...]
    score: Score | None
    verdict: tuple[str, ...]
    steps: tuple[NextStep, ...]
    split: str
    images: int
    matrix: Matrix | None
    cell_images: Markup | None
    classes: Classes | None
    gallery: Gallery | None
    calibration: Calibration | None
    shift: Shift | None
    learning: Learning | None
    data: Data | None
    design: Design | None
    asked: Asked
    cost: Cost | None
    repeat: Repeat


def run_page(
    files: RunFiles, pictures: Pictures, maps: Mapping[str, ClassMaps] | None = None
) -> RunPage:
    """Return what the page shows.

    Args:
        files: the files of a run.
        pictures: uint8 (height, width, channels) per id of predictions.csv.
        maps: class maps of mistakes, per id.

    Raises:
        DataError: a picture is of another kind.

    Example:
        >>> run_page(RunFiles("first", run={}), pictures={}).verdict
        ('This run has not been scored.',)
    """
    scores = read_scores(files.metrics)
    created = text(files.run, "created")
    names = class_names(files, scores)
    data, network_plan = data_summary(files), plan_of_run(files.run)
    cards = None if files.predictions is None else gallery(files.predictions, pictures, maps)
    example = _example(files, pictures)
    return RunPage(
        title=_title(files),
        created=moment(created) if created else None,
        notices=notices(files, scores),
        score=_score(scores) if scores else None,
        verdict=verdict(files, scores),
        steps=next_steps(files, scores, data, names),
        split=scores.split if scores else "test",
        images=scores.images if scores else 0,
        matrix=matrix(names, scores.confusion) if scores else None,
        cell_images=cell_images(by_cell(files.predictions or (), names), len(names), pictures),
        classes=classes(scores) if scores else None,
        gallery=cards,
        calibration=calibration(scores, files.run) if scores else None,
        shift=shift(scores, files.run, example) if scores else None,
        learning=learning(files.history),
        data=data,
        design=run_design(files.run, network_plan, example),
        asked=asked(files),
        cost=run_cost(files, network_plan),
        repeat=run_repeat(files),
    )


def class_names(files: RunFiles, scores: Scores | None = None) -> list[str]:
    """Return the classes in the order of the confusion matrix."""
    names = [str(name) for name in items(mapping(files.run, "data"), "classes")]
    return names or [one.name for one in (scores.per_class if scores else ())]


def _title(files: RunFiles) -> str:
    network = text(mapping(files.run, "network"), "name")
    data = text(mapping(files.run, "data"), "name")
    if network and data:
        return f"{shown(network)} on {shown(data)}"
    return shown(network or data or files.name)


def _score(scores: Scores) -> Score:
    largest = max((sum(row) for row in scores.confusion), default=0)
    chance = largest / scores.images if largest else None
    interval = scores.accuracy_interval
    return Score(
        accuracy=percent(scores.accuracy),
        interval=None if interval is None else f"{percent(interval[0])} to {percent(interval[1])}",
        split=scores.split,
        chance=None if chance is None else percent(chance),
        line=score_line(scores.accuracy, interval, chance),
    )


def _example(files: RunFiles, pictures: Pictures) -> npt.NDArray[np.uint8] | None:
    """Return an image of the run that is as the network sees it, to draw on."""
    form = mapping(files.run, "image_format")
    size = (number(form, "height"), number(form, "width"))
    for one in files.predictions or ():
        found = pictures.get(one.id)
        if found is not None and found.shape[:2] == size:
            return found
    return None
