"""What to do next, from the evidence of the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.report.confusion import Counts
from convwise.report.data_summary import Data
from convwise.report.fields import mapping, number
from convwise.report.run_folder import RunFiles
from convwise.report.run_repeat import with_data
from convwise.report.scores import Scores
from convwise.report.shift_section import shift_cost
from convwise.report.wording import count, counted, percent, points, shown

# Whoever is told more does none of it.
MOST = 5
# Of all mistakes, the share that makes a pair of classes worth a look.
_PAIR_SHARE, _PAIR_IMAGES = 0.15, 10
_SURE = 0.99
_SHIFT_COST = 0.02
_WIDE = 0.04
_MISCALIBRATED = 0.03


@dataclass(frozen=True)
class NextStep:
    """Something to do, the section of the page that shows why, and the command that helps."""

    words: str
    section: str
    command: str | None = None


def next_steps(
    files: RunFiles, scores: Scores | None, data: Data | None, names: Sequence[str]
) -> tuple[NextStep, ...]:
    """Return what the run's own figures suggest, the most harmful finding first.

    Args:
        files: of the run.
        scores: of the split that the page is about.
        data: what the audit found.
        names: of the classes, in the order of the confusion matrix.
    """
    found = []
    if data and data.findings:
        things = counted(len(data.findings), "finding")
        found.append(
            NextStep(f"Settle what the audit found ({things}) before trusting figures.", "data")
        )
    found += _labels(files)
    if scores is not None:
        found += [*_pair(names, scores.confusion), *_shift(files, scores), *_more_images(scores)]
        found += _calibration(scores)
    return tuple(found[:MOST])


def _labels(files: RunFiles) -> list[NextStep]:
    """Return where wrong labels are most likely: the network is sure of something else."""
    sure = [
        one
        for one in files.predictions or ()
        if one.label != one.predicted and one.probability >= _SURE
    ]
    if not sure:
        return []
    images = counted(len(sure), "mistake")
    was = "was" if len(sure) == 1 else "were"
    return [
        NextStep(
            f"Look at the labels of the surest mistakes: {images} {was} made with "
            f"{100 * _SURE:.0f}\u00a0% or more, and some of these labels may be wrong.",
            "mistakes",
            with_data(files, "explain", "--write-labels", "fixes.csv"),
        )
    ]


def _pair(names: Sequence[str], confusion: Counts) -> list[NextStep]:
    """Return the two classes between which most mistakes lie, where these are many."""
    size = len(names)
    if size < 3 or len(confusion) != size or any(len(row) != size for row in confusion):
        return []
    between = [
        (confusion[one][other] + confusion[other][one], one, other)
        for one in range(size)
        for other in range(one)
    ]
    mistakes = sum(images for images, _, _ in between)
    most, one, other = max(between)
    if most < _PAIR_IMAGES or most < _PAIR_SHARE * mistakes:
        return []
    first, second = shown(names[one]), shown(names[other])
    return [
        NextStep(
            f"Add images of {first} and {second}, or draw the line between them more clearly: "
            f"{count(most)} of {counted(mistakes, 'mistake')} ({percent(most / mistakes)}) "
            "confuse these two.",
            "confusion",
        )
    ]


def _shift(files: RunFiles, scores: Scores) -> list[NextStep]:
    cost = shift_cost(scores.shift) if scores.shift else None
    if cost is None or cost[1] < _SHIFT_COST:
        return []
    far, lost = cost
    taught = number(mapping(files.run, "recipe"), "shift") or 0
    if taught >= far:
        advice, command = "use a network with global or anti-aliased pooling", None
    else:
        advice, command = "teach it shifts", f"--set shift={far:.0f}"
    return [
        NextStep(
            f"If objects will not be centred, {advice}: a shift of {counted(far, 'pixel')} "
            f"costs {points(lost)}.",
            "shift",
            command,
        )
    ]


def _more_images(scores: Scores) -> list[NextStep]:
    if scores.accuracy_interval is None:
        return []
    low, high = scores.accuracy_interval
    if high - low <= _WIDE:
        return []
    return [
        NextStep(
            f"Score it on more images before comparing it: with "
            f"{counted(scores.images, 'image')} the accuracy is known to {points(high - low)}.",
            "classes",
        )
    ]


def _calibration(scores: Scores) -> list[NextStep]:
    if scores.ece is None or scores.ece < _MISCALIBRATED:
        return []
    return [
        NextStep(
            f"Do not take its probabilities at their word: they are off by {percent(scores.ece)} "
            "on average.",
            "calibration",
        )
    ]
