from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convwise.errors import DataError
from convwise.evaluation.paired import (
    PairedCounts,
    difference_interval,
    holm,
    images_to_tell,
    mcnemar_exact,
    tellable_difference,
)

# Airway hyper-responsiveness (Bentur 2009) and complete response (Cavo 2012), as Fagerland,
# Lydersen and Laake work them out ("Statistical analysis of contingency tables", chapter 8).
BENTUR = PairedCounts(both=1, first=7, second=1, neither=12)
CAVO = PairedCounts(both=59, first=16, second=6, neither=80)
few = st.integers(0, 40)


@pytest.mark.parametrize(
    ("counts", "expected"), [(BENTUR, (-0.5172, -0.0260)), (CAVO, (-0.1240, -0.0054))]
)
def test_the_interval_is_the_published_one(
    counts: PairedCounts, expected: tuple[float, float]
) -> None:
    assert difference_interval(counts) == pytest.approx(expected, abs=6e-5)


def test_the_exact_test_gives_the_published_values() -> None:
    assert mcnemar_exact(BENTUR.first, BENTUR.second) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_exact(CAVO.first, CAVO.second) == pytest.approx(0.0525, abs=5e-5)


@given(few, few)
def test_the_exact_test_sums_the_tails_of_a_fair_coin(first: int, second: int) -> None:
    throws = first + second
    tail = sum(comb(throws, heads) for heads in range(min(first, second) + 1)) / 2**throws
    assert mcnemar_exact(first, second) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar_exact(first, second) == mcnemar_exact(second, first)


@given(few, few, few, few)
def test_an_interval_holds_the_difference_and_turns_round_with_the_pair(
    both: int, first: int, second: int, neither: int
) -> None:
    if not both + first + second + neither:
        return
    counts = PairedCounts(both, first, second, neither)
    low, high = difference_interval(counts)
    assert -1 <= low <= counts.difference + 1e-9
    assert counts.difference - 1e-9 <= high <= 1
    turned = difference_interval(PairedCounts(both, second, first, neither))
    assert turned == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize(
    ("images", "only_first", "only_second"),
    [(50, 0.1, 0.05), (200, 0.02, 0.02), (1_000, 0.04, 0.05), (10_000, 0.01, 0.012)],
)
def test_the_interval_covers_the_true_difference_nineteen_times_in_twenty(
    images: int, only_first: float, only_second: float
) -> None:
    shares = [0.8, only_first, only_second, 0.2 - only_first - only_second]
    drawn = np.random.default_rng(7).multinomial(images, shares, size=4_000)
    truth = only_second - only_first
    kinds, sizes = np.unique(drawn[:, 1:3], axis=0, return_counts=True)
    covered = 0
    for (first, second), size in zip(kinds.tolist(), sizes, strict=True):
        low, high = difference_interval(PairedCounts(images - first - second, first, second, 0))
        covered += int(size) * (low <= truth <= high)
    # Two standard errors of the simulation are 0.007; score intervals swing by about as much.
    assert 0.935 <= covered / len(drawn) <= 0.97


def test_so_many_images_do_tell_in_four_of_five_cases() -> None:
    counts = PairedCounts(both=880, first=40, second=60, neither=20)
    needed = images_to_tell(counts)
    assert needed is not None
    drawn = np.random.default_rng(3).multinomial(needed, [0.88, 0.04, 0.06, 0.02], size=1_000)
    told = np.mean([mcnemar_exact(row[1], row[2]) < 0.05 for row in drawn])
    assert 0.74 <= told <= 0.85


def test_the_least_difference_that_shows_is_the_inverse_of_the_images_needed() -> None:
    counts = PairedCounts(both=880, first=40, second=60, neither=20)
    least = tellable_difference(counts)
    assert least is not None
    gap = round(least * 100_000)
    at_least = PairedCounts(88_000, 5_000 - gap // 2, 5_000 + gap // 2, 2_000)
    assert images_to_tell(at_least) == pytest.approx(1_000, rel=0.01)


def test_without_any_disagreement_nothing_can_be_told() -> None:
    alike = PairedCounts(both=90, first=0, second=0, neither=10)
    assert mcnemar_exact(0, 0) == 1
    assert images_to_tell(alike) is None
    assert tellable_difference(alike) is None
    low, high = difference_interval(alike)
    assert low == pytest.approx(-high)


def test_no_image_is_nothing_to_compare_on() -> None:
    with pytest.raises(DataError, match="no image"):
        PairedCounts(0, 0, 0, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_corrected_values_keep_their_order_and_lie_between_one_time_and_n_times(
    values: list[float],
) -> None:
    adjusted = holm(values)
    assert min(adjusted) == pytest.approx(min(1.0, len(values) * min(values)))
    for before, after in zip(values, adjusted, strict=True):
        assert before <= after <= 1
    order = sorted(range(len(values)), key=lambda at: values[at])
    assert [adjusted[at] for at in order] == sorted(adjusted)
