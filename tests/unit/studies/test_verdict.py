from __future__ import annotations

import numpy as np
import pytest

from convwise.studies.question import Comparison
from convwise.studies.statistics import Estimate, Part, over_seeds_and_images
from convwise.studies.verdict import verdicts
from convwise.studies.words import sentence_of

ARMS = Comparison("max", "average")


def estimate(mean: float, error: float, seeds: int = 5) -> Estimate:
    return Estimate(mean, Part(error**2, seeds - 1), Part(error**2, 999))


@pytest.mark.parametrize(
    ("mean", "error", "word"),
    [
        (0.03, 0.002, "better"),
        (-0.03, 0.002, "worse"),
        (0.001, 0.0005, "equivalent"),
        (0.01, 0.01, "can't tell"),
    ],
)
def test_a_verdict_follows_from_difference_and_error(mean: float, error: float, word: str) -> None:
    assert verdicts([estimate(mean, error)], margin=0.005)[0].word == word


def test_a_sure_difference_below_the_margin_is_equivalent() -> None:
    found = verdicts([estimate(0.002, 0.0002)], margin=0.005)[0]
    assert found.p_difference is not None
    assert found.p_difference < 0.05
    assert found.word == "equivalent"


def test_more_questions_ask_for_more_evidence() -> None:
    doubtful = estimate(0.01, 0.0022)
    assert verdicts([doubtful])[0].word == "better"
    assert verdicts([doubtful, *[estimate(0.01, 0.01)] * 9])[0].word == "can't tell"


def test_what_only_correction_hides_is_told_so() -> None:
    doubtful = estimate(0.01, 0.0022)
    verdict = verdicts([doubtful, *[estimate(0.01, 0.01)] * 9])[0]
    assert "not among so many comparisons" in sentence_of(ARMS, doubtful, 5, verdict, 0.005)


def test_what_can_not_be_told_comes_with_the_seeds_that_would() -> None:
    found = verdicts([Estimate(0.01, Part(0.01**2, 2))])[0]
    assert found.more_seeds is not None
    assert found.more_seeds > 3
    said = sentence_of(ARMS, Estimate(0.01, Part(0.01**2, 2)), 3, found, 0.005)
    assert said.endswith(f"about {found.more_seeds} more seeds would.")


def test_too_few_images_are_named_as_the_reason() -> None:
    few = Estimate(0.004, Part(1e-6, 2), Part(0.02**2, 50))
    said = sentence_of(ARMS, few, 3, verdicts([few])[0], 0.005)
    assert "more images would" in said


def test_a_single_seed_is_told_as_too_few() -> None:
    alone = over_seeds_and_images(np.full((1, 9), 0.1))
    said = sentence_of(ARMS, alone, 1, verdicts([alone])[0], 0.005)
    assert said.startswith("Can't tell max from average on the test images by a single seed")


def studies_without_difference(count: int, comparisons: int) -> list[list[str]]:
    """The verdicts of studies whose arms do not differ, but for noise like that of trainings."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(count):
        values = (
            random.normal(0, 0.004, (comparisons, 3, 1))
            + random.normal(0, 0.1, (comparisons, 1, 100))
            + random.normal(0, 0.3, (comparisons, 3, 100))
        )
        estimates = [over_seeds_and_images(each, draws=100) for each in values]
        found.append([verdict.word for verdict in verdicts(estimates)])
    return found


def test_of_2000_studies_without_a_difference_at_most_one_in_twenty_claims_one() -> None:
    claims = [
        any(word in ("better", "worse") for word in words)
        for words in studies_without_difference(2_000, comparisons=1)
    ]
    assert np.mean(claims) <= 0.05 + 0.015


def test_of_studies_with_several_questions_no_more_do() -> None:
    claims = [
        any(word in ("better", "worse") for word in words)
        for words in studies_without_difference(250, comparisons=5)
    ]
    assert np.mean(claims) <= 0.05 + 0.015


def test_a_network_under_two_names_is_never_better_in_40_of_40_seed_sets() -> None:
    # The same seed trains the same weights: what is left is rounding, on a few images of each seed.
    random = np.random.default_rng(11)
    for _ in range(40):
        flips = random.integers(-1, 2, (3, 1_000)) * (random.random((3, 1_000)) < 0.002)
        word = verdicts([over_seeds_and_images(flips.astype(np.float64), draws=300)])[0].word
        assert word in ("equivalent", "can't tell")
