from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from convwise.evaluation.metrics import wilson_interval


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_scipys_wilson_interval(pair: tuple[int, int]) -> None:
    successes, trials = pair
    wanted = binomtest(successes, trials).proportion_ci(method="wilson")
    found = wilson_interval(successes, trials)
    assert found == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert 0 <= found[0] <= successes / trials <= found[1] <= 1


def test_no_trials_tell_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
