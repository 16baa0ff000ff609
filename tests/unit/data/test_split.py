from __future__ import annotations

import numpy as np
import pytest

from convwise.data.split import stratified_split
from convwise.errors import OptionError


def test_the_limit_is_shared_by_the_classes() -> None:
    labels = np.repeat(np.arange(10), 6000)
    kept, held = stratified_split(labels, 0.1, seed=0, limit=5000)
    assert np.bincount(labels[held]).tolist() == [500] * 10
    assert len(kept) == 55_000


def test_rare_classes_stand_on_both_sides() -> None:
    labels = np.array([0] * 100 + [1] * 2 + [2])
    kept, held = stratified_split(labels, 0.1, seed=0)
    assert np.bincount(labels[held], minlength=3).tolist() == [9, 1, 0]
    assert np.bincount(labels[kept], minlength=3).tolist() == [91, 1, 1]


def test_remainders_make_the_total_right() -> None:
    labels = np.repeat(np.arange(4), 13)
    _, held = stratified_split(labels, 0.25, seed=0)
    assert len(held) == 13


def test_seeds_choose_others() -> None:
    labels = np.zeros(100, np.int64)
    first, second = (stratified_split(labels, 0.2, seed)[1].tolist() for seed in (0, 1))
    assert first != second


def test_nothing_can_be_divided() -> None:
    kept, held = stratified_split(np.zeros(0, np.int64), 0.5, 0)
    assert len(kept) == len(held) == 0


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(OptionError, match="is not between 0 and 1"):
        stratified_split(np.zeros(4, np.int64), fraction, 0)
