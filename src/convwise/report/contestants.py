"""Runs that may be compared: each scored, and all on the same test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convwise.errors import DataError, OptionError
from convwise.report.fields import Json, mapping, number, text
from convwise.report.run_folder import Prediction, RunFiles, read_run


@dataclass(frozen=True)
class Contestant:
    """A run that takes part.

    Args:
        letter: what it is called in tables and charts.
        folder: as it was given.
        files: what the folder holds.
        right: bool (images,), whether its answer for each test image is the true one.
    """

    letter: str
    folder: Path
    files: RunFiles
    right: npt.NDArray[np.bool_]

    @property
    def accuracy(self) -> float:
        """Share of the test images that it named correctly."""
        return float(self.right.mean())


def read_contestants(folders: Sequence[Path]) -> tuple[Contestant, ...]:
    """Read runs that are to be compared with the first of them.

    Raises:
        OptionError: there are fewer than two, more than 26, or one is given twice.
        DataError: a folder is no run, has not been scored, or was scored on other test images
            than the first; the message names it.
    """
    if not 2 <= len(folders) <= 26:
        raise OptionError(f"{len(folders)} runs given; compare takes two to 26 of them")
    places = [folder.resolve() for folder in folders]
    for index, place in enumerate(places):
        if place in places[:index]:
            raise OptionError(f"{folders[index]} is given twice; name two different runs")
    read = [_scored(folder) for folder in folders]
    first, reference = read[0]
    for folder, (files, predictions) in zip(folders[1:], read[1:], strict=True):
        difference = _other_images(first, reference, files, predictions)
        if difference:
            raise DataError(
                f"{folder} was scored on other test images than {folders[0]} ({difference});"
                " only answers to the same images can be compared: train both on the same data"
                " with the same --seed, or evaluate one model on the other's data"
            )
    return tuple(
        Contestant(chr(ord("A") + index), folder, files, _right(predictions))
        for index, (folder, (files, predictions)) in enumerate(zip(folders, read, strict=True))
    )


def _scored(folder: Path) -> tuple[RunFiles, tuple[Prediction, ...]]:
    files = read_run(folder)
    if not files.predictions:
        raise DataError(
            f"{folder} holds no predictions.csv with a line for each test image; the run did not"
            " come to its end"
        )
    return files, files.predictions


def _right(predictions: Sequence[Prediction]) -> npt.NDArray[np.bool_]:
    return np.array([one.label == one.predicted for one in predictions])


def _other_images(
    first: RunFiles,
    reference: Sequence[Prediction],
    files: RunFiles,
    predictions: Sequence[Prediction],
) -> str | None:
    """Return how the test images of two runs differ, or None where they are the same.

    Equal pixels prove it. Where the runs saw the images at different sizes, or one is too old to
    know, names and labels decide.
    """
    prints = [_test_print(one.run) for one in (first, files)]
    if prints[0] is not None and prints[0] == prints[1]:
        return None
    if len(reference) != len(predictions):
        return f"{len(predictions):,} instead of {len(reference):,}"
    for theirs, ours in zip(reference, predictions, strict=True):
        if theirs.id != ours.id:
            return f"{ours.id} stands where {theirs.id} stands there"
        if theirs.label != ours.label:
            return f"{ours.id} is of the class {ours.label} and not of {theirs.label}"
    if None not in prints and _seen_as(first.run) == _seen_as(files.run):
        return "the same names, but other pixels"
    return None


def _test_print(run: Json) -> str | None:
    return text(mapping(run, "data"), "test_fingerprint")


def _seen_as(run: Json) -> tuple[object, ...]:
    image = mapping(run, "image_format")
    sides = tuple(number(image, key) for key in ("height", "width", "channels"))
    return (*sides, text(image, "resize"), image.get("pad_value"))
