"""What others found, and what the study measured of it, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from convwise.report.wording import percent
from convwise.studies.arm_results import ArmResult
from convwise.studies.findings import Answer
from convwise.studies.questions.stride_or_pool import PUBLISHED
from convwise.studies.study import Study

# What was found, what was measured here, and the verdict of the trainings.
Row = tuple[str, str, str]


def beside(study: Study) -> list[Row]:
    """Return a row for each published result that the study's questions bear on."""
    return [
        row
        for answer in study.answers
        if answer.arms and answer.question.name in _ROWS
        for row in _ROWS[answer.question.name](answer)
    ]


def _position(answer: Answer) -> Iterator[Row]:
    arms = _arms(answer)
    most = f"{arms['dense'].points[-1].place:g}"
    yield (
        "An object that has moved is a new one to a dense layer; convolution follows it"
        " (Goodfellow, Bengio, Courville 2016, section 9.2)",
        f"accuracy in the middle and {most} pixels away: "
        + _told(arms, ("dense", "maxpool", "stride", "global-pool"), _first_and_last),
        _verdict(answer, "maxpool", "dense"),
    )
    yield (
        "Pooling neutralises small shifts (ibid., section 9.3)",
        "still right at 1 pixel: "
        + _told(arms, ("maxpool", "stride"), lambda arm: _share(arm.points[1].given)),
        _verdict(answer, "maxpool", "stride"),
    )
    yield (
        "Blurring before subsampling raises consistency (Zhang 2019)",
        f"still right at 1 to {most} pixels, mean: "
        + _told(arms, ("blurpool", "maxpool"), _consistency),
        _verdict(answer, "blurpool", "maxpool"),
    )


def _stride_or_pool(answer: Answer) -> Iterator[Row]:
    arms = _arms(answer)
    ranked = sorted(arms, key=lambda name: -arms[name].accuracy)
    errors = ", ".join(f"{name} {percent(1 - arms[name].accuracy)}" for name in ranked)
    published = ", ".join(f"{name} {error} %" for name, error in PUBLISHED.items())
    yield (
        f"Errors, best first: {published} (Springenberg et al. 2015, table 3, CIFAR-10)",
        f"errors, best first: {errors}",
        f"{_verdict(answer, 'strided-cnn-c', 'model-c')}"
        f" {_verdict(answer, 'all-cnn-c', 'convpool-cnn-c')}"
        f" {_verdict(answer, 'all-cnn-c', 'model-c')}",
    )


def _pooling(answer: Answer) -> Iterator[Row]:
    arms = _arms(answer)
    yield (
        "Max pooling keeps sharp features, average pooling smooths (Boureau, Ponce, LeCun 2010)",
        "; ".join(
            f"{name}: {figure} {np.mean(values):.3g}"
            for name, arm in arms.items()
            for figure, values in arm.figures.items()
        ),
        _verdict(answer, "max", "average"),
    )


_ROWS: dict[str, Callable[[Answer], Iterator[Row]]] = {
    "position": _position,
    "stride-or-pool": _stride_or_pool,
    "pooling": _pooling,
}


def _arms(answer: Answer) -> dict[str, ArmResult]:
    return {result.arm.name: result for result in answer.arms}


def _told(
    arms: dict[str, ArmResult], names: tuple[str, ...], figure: Callable[[ArmResult], str]
) -> str:
    return ", ".join(f"{name} {figure(arms[name])}" for name in names)


def _first_and_last(result: ArmResult) -> str:
    return f"{percent(result.points[0].accuracy)} → {percent(result.points[-1].accuracy)}"


def _consistency(result: ArmResult) -> str:
    kept = [point.given for point in result.points[1:] if point.given is not None]
    return _share(float(np.mean(kept)) if kept else None)


def _share(share: float | None) -> str:
    return "unknown" if share is None else percent(share)


def _verdict(answer: Answer, arm: str, baseline: str) -> str:
    """Return the sentence on two arms."""
    return next(
        finding.sentence
        for finding in answer.findings
        if (finding.comparison.arm, finding.comparison.baseline) == (arm, baseline)
    )
