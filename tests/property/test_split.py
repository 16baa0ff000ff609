from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.data.split import stratified_split

LABELS = st.lists(st.integers(0, 6), max_size=120).map(lambda values: np.array(values, np.int64))
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(-(2**70), 2**70)


@settings(deadline=None)
@given(LABELS, FRACTIONS, SEEDS)
def test_the_parts_are_disjoint_and_complete(
    labels: np.ndarray, fraction: float, seed: int
) -> None:
    kept, held = stratified_split(labels, fraction, seed)
    assert np.array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(labels)))
    assert np.array_equal(kept, np.sort(kept))
    assert np.array_equal(held, np.sort(held))


@settings(deadline=None)
@given(LABELS, FRACTIONS, SEEDS)
def test_every_class_gives_its_share(labels: np.ndarray, fraction: float, seed: int) -> None:
    _, held = stratified_split(labels, fraction, seed)
    sizes = np.bincount(labels, minlength=7)
    given_by = np.bincount(labels[held], minlength=7)
    for size, count in zip(sizes.tolist(), given_by.tolist(), strict=True):
        if size < 2:
            assert count == 0
        else:
            assert 1 <= count <= size - 1
            # The total is rounded first, which moves a class by at most half a picture more.
            assert abs(count - size * fraction) < 1.5 or count in (1, size - 1)


@settings(deadline=None)
@given(LABELS, FRACTIONS, SEEDS)
def test_the_seed_decides(labels: np.ndarray, fraction: float, seed: int) -> None:
    first, again = (stratified_split(labels, fraction, seed) for _ in range(2))
    assert np.array_equal(first[1], again[1])


@settings(deadline=None)
@given(LABELS, FRACTIONS, SEEDS, st.integers(0, 200))
def test_the_limit_holds_but_for_one_of_each_class(
    labels: np.ndarray, fraction: float, seed: int, limit: int
) -> None:
    _, held = stratified_split(labels, fraction, seed, limit)
    assert len(held) <= max(limit, len(set(labels.tolist())))
