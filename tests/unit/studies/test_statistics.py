from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from convwise.studies.statistics import (
    Estimate,
    Part,
    bootstrap_means,
    holm,
    over_seeds,
    over_seeds_and_images,
    seeds_to_tell,
)


def crossed(
    random: np.random.Generator,
    *,
    seeds: int,
    images: int,
    of_seeds: float = 0.004,
    of_images: float = 0.1,
    peculiar: float = 0.3,
) -> NDArray[np.float64]:
    """Differences of two arms that are equal in truth, with noise like that of real trainings."""
    return (
        random.normal(0, of_seeds, (seeds, 1))
        + random.normal(0, of_images, (1, images))
        + random.normal(0, peculiar, (seeds, images))
    )


@pytest.mark.parametrize("count", [2, 5, 12])
def test_the_interval_over_seeds_is_that_of_scipy(count: int) -> None:
    values = np.random.default_rng(count).normal(0.01, 0.02, count)
    theirs = stats.ttest_1samp(values, 0.0)
    interval = theirs.confidence_interval(0.95)
    ours = over_seeds(values)
    assert ours.interval() == pytest.approx((interval.low, interval.high))
    assert ours.p_difference() == pytest.approx(theirs.pvalue, rel=1e-6)


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    values = np.random.default_rng(0).normal(0.002, 0.004, 8)
    below = stats.ttest_1samp(values, -0.005, alternative="greater").pvalue
    above = stats.ttest_1samp(values, 0.005, alternative="less").pvalue
    assert over_seeds(values).p_equivalence(0.005) == pytest.approx(max(below, above), rel=1e-6)


def test_a_difference_beyond_the_margin_is_never_equivalent() -> None:
    assert Estimate(0.01, Part(1e-12, 4)).p_equivalence(0.005) == 1.0


def test_no_spread_and_no_difference_are_certain() -> None:
    same = over_seeds_and_images(np.zeros((3, 50)))
    assert (same.interval(), same.p_difference()) == ((0.0, 0.0), 1.0)
    assert same.p_equivalence(0.005) < 1e-9


def test_a_single_seed_has_no_interval() -> None:
    alone = over_seeds_and_images(np.ones((1, 50)))
    assert alone.interval() == (-math.inf, math.inf)
    assert alone.p_difference() == 1.0


def test_bootstrap_means_have_the_variance_that_theory_gives() -> None:
    values = crossed(np.random.default_rng(3), seeds=4, images=80)
    by_seed, by_image, mean = values.mean(axis=1), values.mean(axis=0), values.mean()
    rest = values - by_seed[:, None] - by_image + mean
    theory = (
        ((by_seed - mean) ** 2).sum() / 4**2
        + ((by_image - mean) ** 2).sum() / 80**2
        + (rest**2).sum() / (4 * 80) ** 2
    )
    drawn = bootstrap_means(values, draws=20_000, seed=0)
    assert drawn.mean() == pytest.approx(mean, abs=4 * math.sqrt(theory / 20_000))
    assert drawn.var() == pytest.approx(theory, rel=0.05)


def test_the_error_over_seeds_and_images_is_that_of_crossed_variances() -> None:
    values = crossed(np.random.default_rng(5), seeds=5, images=400, of_images=0.3)
    by_image = values.mean(axis=0)
    rest = values - values.mean(axis=1)[:, None] - by_image + values.mean()
    peculiar = (rest**2).sum() / (4 * 399) / (5 * 400)
    wanted = by_image.var(ddof=1) / 400 - peculiar
    images = over_seeds_and_images(values, draws=20_000).images
    assert images is not None
    assert images.variance == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(
    ("of_seeds", "of_images", "peculiar"), [(0.004, 0.1, 0.3), (0.02, 0.05, 0.1), (0.0, 0.2, 0.3)]
)
def test_intervals_cover_at_their_rate(
    seeds: int, of_seeds: float, of_images: float, peculiar: float
) -> None:
    random = np.random.default_rng(seeds)
    covered = []
    for _ in range(400):
        values = crossed(
            random,
            seeds=seeds,
            images=150,
            of_seeds=of_seeds,
            of_images=of_images,
            peculiar=peculiar,
        )
        low, high = over_seeds_and_images(values, draws=200).interval()
        covered.append(low <= 0.0 <= high)
    # 95 %, less three standard errors of 400 simulations; the method may err on the wide side.
    assert 0.917 <= np.mean(covered) <= 0.99


def test_intervals_over_seeds_cover_at_their_rate() -> None:
    values = np.random.default_rng(0).normal(0.0, 0.01, (4_000, 4))
    intervals = [over_seeds(each).interval() for each in values]
    covered = np.mean([low <= 0 <= high for low, high in intervals])
    assert covered == pytest.approx(0.95, abs=0.0105)


def test_holm_is_what_its_definition_says() -> None:
    p_values = np.random.default_rng(1).uniform(0, 0.1, 7)
    ordered = np.sort(p_values)
    steps = np.minimum(1.0, np.maximum.accumulate((7 - np.arange(7)) * ordered))
    assert holm(p_values.tolist()) == pytest.approx(
        steps[np.argsort(np.argsort(p_values))].tolist()
    )


def test_no_p_values_need_no_correction() -> None:
    assert holm([]) == []


def test_the_advised_number_of_seeds_has_the_stated_power() -> None:
    spread, effect = 0.01, 0.01
    wanted = seeds_to_tell(Estimate(0.0, Part(spread**2 / 3, 2)), effect)
    assert wanted is not None
    random = np.random.default_rng(2)
    found = stats.ttest_1samp(random.normal(effect, spread, (4_000, wanted)), 0.0, axis=1).pvalue
    assert np.mean(found < 0.05) == pytest.approx(0.8, abs=0.05)


def test_too_few_images_are_not_mended_by_seeds() -> None:
    estimate = Estimate(0.0, Part(1e-6, 2), Part(0.01**2, 99))
    assert seeds_to_tell(estimate, effect=0.01) is None


def test_two_seeds_that_agree_to_the_bit_are_no_overflow() -> None:
    same = over_seeds_and_images(np.full((2, 30), 0.1))
    assert same.p_difference() < 1e-9
    assert same.interval() == pytest.approx((0.1, 0.1))
