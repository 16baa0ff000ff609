"""From cells to findings: what each comparison of a study comes to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.studies.arm_results import ArmResult, Cells, Interval, arm_result
from convwise.studies.cell import Cell, Cost
from convwise.studies.question import Comparison, Computed, Curve, Question, Setting
from convwise.studies.statistics import Estimate, over_seeds, over_seeds_and_images
from convwise.studies.verdict import Verdict, verdicts
from convwise.studies.words import sentence_of, within_bounds


@dataclass(frozen=True)
class Finding:
    """What a comparison came to.

    Args:
        question: its name.
        comparison: which arms, on what.
        headline: it is the question's first, and belongs to the family of the whole study.
        estimate: of the difference, over seeds and test images; None while there is no cell.
        seeds_interval: 95 %, over seeds alone, for these test images; None for a single seed.
        by_seed: the difference of each seed.
        seeds: which seeds these are.
        images: how many test images there are.
        verdict: what may be said.
        cost: of both arms; of what was measured, the medians over seeds.
        sentence: the verdict in words.
    """

    question: str
    comparison: Comparison
    headline: bool
    estimate: Estimate | None
    seeds_interval: Interval | None
    by_seed: tuple[float, ...]
    seeds: tuple[int, ...]
    images: int
    verdict: Verdict
    cost: Mapping[str, Cost]
    sentence: str

    @property
    def interval(self) -> Interval | None:
        """95 % interval over seeds and test images, or None where a single seed tells nothing."""
        if self.estimate is None:
            return None
        low, high = self.estimate.interval()
        return within_bounds(low, high) if math.isfinite(high - low) else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values with the keys that ``convwise study --json`` prints."""
        return {
            "question": self.question,
            "arms": [self.comparison.arm, self.comparison.baseline],
            "difference": None if self.estimate is None else self.estimate.mean,
            "interval": None if self.interval is None else list(self.interval),
            "verdict": self.verdict.word,
            "cost": {arm: asdict(cost) for arm, cost in self.cost.items()},
            "on": self.comparison.on,
            "headline": self.headline,
            "interval_over_seeds": None if self.seeds_interval is None else [*self.seeds_interval],
            "differences": list(self.by_seed),
            "seeds": list(self.seeds),
            "images": self.images,
            "p_difference": self.verdict.p_difference,
            "p_equivalence": self.verdict.p_equivalence,
            "more_seeds": self.verdict.more_seeds,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class Answer:
    """All that a study says to a question.

    Args:
        question: which one.
        arms: that have at least one cell.
        findings: the headline first.
        curve: axis of the arms' points.
        computed: the answer of a question without arms.
    """

    question: Question
    arms: tuple[ArmResult, ...]
    findings: tuple[Finding, ...]
    curve: Curve | None = None
    computed: Computed | None = None

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.computed is not None:
            return self.computed.sentence
        return self.findings[0].sentence


def answers(
    questions: Sequence[Question], setting: Setting, cells: Sequence[Cell], margin: float
) -> tuple[Answer, ...]:
    """Return what the cells so far say.

    The headlines of all questions are one family of tests; the further comparisons of a question
    are one of their own.

    Args:
        questions: of the study.
        setting: the user's image format and classes.
        cells: in any order, and perhaps not all.
        margin: the smallest difference of interest.
    """
    by_key = {(cell.question, cell.arm, cell.seed): cell for cell in cells}
    measured = {
        question.name: [
            _measured(question, comparison, by_key) for comparison in question.comparisons(setting)
        ]
        for question in questions
    }
    firsts = [found[0] for found in measured.values() if found and found[0].estimate]
    words = dict(
        zip(map(id, firsts), verdicts([_known(each) for each in firsts], margin), strict=True)
    )
    for found in measured.values():
        further = [each for each in found[1:] if each.estimate]
        told = verdicts([_known(each) for each in further], margin)
        words |= dict(zip(map(id, further), told, strict=True))
    return tuple(
        _answer(question, setting, by_key, measured[question.name], words, margin)
        for question in questions
    )


@dataclass(frozen=True)
class _Measured:
    """A comparison before its verdict."""

    comparison: Comparison
    estimate: Estimate | None
    seeds_interval: Interval | None
    by_seed: tuple[float, ...]
    seeds: tuple[int, ...]
    images: int


def _known(measured: _Measured) -> Estimate:
    assert measured.estimate is not None
    return measured.estimate


def _measured(question: Question, comparison: Comparison, cells: Cells) -> _Measured:
    seeds = sorted(
        seed
        for name, arm, seed in cells
        if name == question.name
        and arm == comparison.arm
        and (name, comparison.baseline, seed) in cells
    )
    if not seeds:
        return _Measured(comparison, None, None, (), (), 0)
    differences = np.stack(
        [
            _shares(cells[question.name, comparison.arm, seed], comparison.tests)
            - _shares(cells[question.name, comparison.baseline, seed], comparison.tests)
            for seed in seeds
        ]
    )
    by_seed = differences.mean(axis=1)
    return _Measured(
        comparison,
        over_seeds_and_images(differences),
        over_seeds(by_seed).interval() if len(seeds) > 1 else None,
        tuple(by_seed.tolist()),
        tuple(seeds),
        differences.shape[1],
    )


def _shares(cell: Cell, tests: Sequence[str]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.mean([cell.scores[name].shares for name in tests], axis=0)
    return shares


def _answer(
    question: Question,
    setting: Setting,
    cells: Cells,
    measured: Sequence[_Measured],
    words: Mapping[int, Verdict],
    margin: float,
) -> Answer:
    curve = question.curve(setting) if question.curve else None
    arms = [arm_result(question, arm, cells, curve) for arm in question.arms(setting)]
    done = {result.arm.name: result for result in arms if result is not None}
    findings = []
    for place, each in enumerate(measured):
        verdict = words.get(id(each), Verdict("can't tell"))
        pair = (each.comparison.arm, each.comparison.baseline)
        findings.append(
            Finding(
                question.name,
                each.comparison,
                place == 0,
                each.estimate,
                each.seeds_interval,
                each.by_seed,
                each.seeds,
                each.images,
                verdict,
                {name: done[name].cost for name in pair if name in done},
                sentence_of(each.comparison, each.estimate, len(each.seeds), verdict, margin),
            )
        )
    computed = question.compute(setting) if question.compute else None
    return Answer(question, tuple(done.values()), tuple(findings), curve, computed)
