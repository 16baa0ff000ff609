"""The pictures of a question: differences, curves, growth, and what was kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from convwise.report.charts.arms import Series, arms_chart
from convwise.report.charts.axes import round_ticks
from convwise.report.charts.paired_differences import Row, differences_chart
from convwise.report.pictures import png_data_uri
from convwise.report.wording import percent, shown
from convwise.studies.arm_results import ArmResult
from convwise.studies.findings import Answer
from convwise.studies.statistics import over_seeds


@dataclass(frozen=True)
class Figure:
    """A chart and what stands below it."""

    chart: Markup
    words: str


@dataclass(frozen=True)
class Shot:
    """A picture that a trained arm left behind."""

    title: str
    picture: str


@dataclass(frozen=True)
class Strip:
    """The pictures of an arm, and a figure that was measured on many images."""

    arm: str
    figures: tuple[str, ...]
    shots: tuple[Shot, ...]


def differences(answer: Answer, margin: float) -> Figure | None:
    """Return the paired differences of a question, or None while there are none."""
    rows = [
        Row(
            f"{finding.comparison.arm} against {finding.comparison.baseline}",
            f"on {finding.comparison.on}",
            finding.estimate.mean,
            finding.by_seed,
            finding.interval,
            finding.seeds_interval,
            finding.sentence,
            finding.verdict.word,
        )
        for finding in answer.findings
        if finding.estimate is not None
    ]
    if not rows:
        return None
    seeds = sorted({len(finding.seeds) for finding in answer.findings if finding.seeds})
    images = sorted({finding.images for finding in answer.findings if finding.seeds})
    words = (
        f"Upright mark: mean difference. Dots below it: the seeds, n = {_span(seeds)}. Thick line:"
        f" 95 % interval over seeds and test images together, n = {_span(images)} images. Thin"
        " line: 95 % interval over seeds alone, for these very test images. Arrow: it goes on."
        f" Shaded: differences below the margin of {margin * 100:g} points."
    )
    return Figure(differences_chart(f"{answer.question.name}-differences", rows, margin), words)


def curves(answer: Answer) -> Iterator[Figure]:
    """Yield accuracy along the question's axis, a chart for each kind of arm; then what is kept."""
    if answer.curve is None or not answer.arms:
        return
    groups: dict[str, list[ArmResult]] = {}
    for result in answer.arms:
        groups.setdefault(result.arm.note, []).append(result)
    ends = [end for result in answer.arms for point in result.points for end in point.interval]
    ticks = tuple(tick for tick in round_ticks(min(ends), max(ends)) if 0 <= tick <= 1)
    for number, (note, group) in enumerate(groups.items()):
        yield _accuracy(answer, number, note, group, ticks)
    if answer.curve.given is None:
        return
    kept = [
        point.given_interval[0]
        for result in answer.arms
        for point in result.points
        if point.given_interval
    ]
    ticks = tuple(tick for tick in round_ticks(min(kept, default=0.0), 1.0) if 0 <= tick <= 1)
    for number, (note, group) in enumerate(groups.items()):
        yield _consistency(answer, number, note, group, ticks)


def _accuracy(
    answer: Answer, number: int, note: str, group: list[ArmResult], ticks: tuple[float, ...]
) -> Figure:
    assert answer.curve is not None
    series = [
        Series(
            result.arm.name,
            tuple(point.accuracy for point in result.points),
            tuple(point.interval for point in result.points),
        )
        for result in group
    ]
    chart = arms_chart(
        f"{answer.question.name}-accuracy-{number}",
        "Accuracy",
        tuple(answer.curve.tests),
        series,
        across=answer.curve.title,
        upwards="Accuracy (%)",
        ticks=ticks,
        text=_per_cent,
    )
    words = (
        f"{_opening(note)} Mean of {_seeds(group)}; upright lines: 95 % interval of the test sample"
        f" (Wilson, n = {_span(sorted({result.images for result in group}))} images)."
    )
    return Figure(chart, words)


def _consistency(
    answer: Answer, number: int, note: str, group: list[ArmResult], ticks: tuple[float, ...]
) -> Figure:
    assert answer.curve is not None
    series = [
        Series(
            result.arm.name,
            tuple(point.given for point in result.points),
            tuple(point.given_interval for point in result.points),
        )
        for result in group
    ]
    chart = arms_chart(
        f"{answer.question.name}-consistency-{number}",
        "Consistency",
        tuple(answer.curve.tests),
        series,
        across=answer.curve.title,
        upwards="Still right (%)",
        ticks=ticks,
        text=_per_cent,
    )
    words = (
        f"{_opening(note)} Of the images that are right at {answer.curve.given}, how many are still"
        f" right. Mean of {_seeds(group)}; upright lines: 95 % interval of the test sample (Wilson,"
        f" n = the images that are right at {answer.curve.given})."
    )
    return Figure(chart, words)


def growth(answer: Answer) -> Iterator[Figure]:
    """Yield the charts of a computed answer, upwards in logarithms."""
    if answer.computed is None:
        return
    for number, (title, lines) in enumerate(answer.computed.charts.items()):
        series = [
            Series(name, tuple(math.log10(value) for value in values))
            for name, values in lines.items()
        ]
        known = [value for one in series for value in one.values if value is not None]
        ticks = range(math.floor(min(known)), math.ceil(max(known)) + 1)
        chart = arms_chart(
            f"{answer.question.name}-growth-{number}",
            title,
            answer.computed.places,
            series,
            across=answer.computed.across,
            upwards=f"{title} (logarithmic)",
            ticks=tuple(map(float, ticks)),
            text=_power,
        )
        yield Figure(chart, "Exact: counted from the designs; nothing is trained.")


def strips(answer: Answer) -> tuple[Strip, ...]:
    """Return the pictures that the arms left behind."""
    return tuple(
        Strip(
            shown(result.arm.name),
            tuple(_figure(name, values) for name, values in result.figures.items()),
            tuple(
                Shot(each.title, png_data_uri(np.ascontiguousarray(each.pixels[:, :, None])))
                for each in result.look.pictures
            ),
        )
        for result in answer.arms
        if result.look.pictures or result.figures
    )


def _figure(name: str, values: tuple[float, ...]) -> str:
    """Return a figure's mean with its t interval over seeds, where there is one."""
    mean = f"{name} {np.mean(values):.3g}"
    if len(values) < 2:
        return f"{mean} (1 seed)"
    low, high = over_seeds(np.array(values)).interval()
    return f"{mean} ({low:.3g} to {high:.3g}, n = {len(values)} seeds)"


def _opening(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}." if note else ""


def _seeds(group: list[ArmResult]) -> str:
    counts = sorted({result.seeds for result in group})
    return f"{_span(counts)} {'seed' if counts == [1] else 'seeds'}"


def _span(counts: list[int]) -> str:
    if not counts:
        return "0"
    ends = f"{counts[0]:,}"
    return ends if len(counts) == 1 else f"{ends} to {counts[-1]:,}"


def _power(exponent: float) -> str:
    """Return a power of ten, short enough for an axis."""
    value = 10**exponent
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _per_cent(share: float) -> str:
    return percent(share).removesuffix("\u00a0%").removesuffix(".0")
