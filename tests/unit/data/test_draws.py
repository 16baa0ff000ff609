from __future__ import annotations

import numpy as np

from convwise.data.draws import draws


def test_draws_are_the_same_for_ever() -> None:
    # Written down once: a change here would change every run's order of pictures.
    found = draws("shuffle", 0, 1, counters=np.arange(3))
    assert found.tolist() == [6344946798534454572, 13650792847019705404, 2420342029075676265]


def test_purposes_and_keys_are_independent() -> None:
    counters = np.arange(1000)
    keys = [("a", 0, 1), ("b", 0, 1), ("a", 1, 0), ("a", 0), ("a", 0, 1, 0), ("a", -1, 1)]
    drawn = [draws(purpose, *key, counters=counters) for purpose, *key in keys]
    for index, first in enumerate(drawn):
        for second in drawn[index + 1 :]:
            assert not np.intersect1d(first, second).size


def test_every_bit_is_set_half_of_the_time() -> None:
    found = draws("a", 0, counters=np.arange(20_000))
    share = [((found >> np.uint64(bit)) & np.uint64(1)).mean() for bit in range(64)]
    assert np.abs(np.array(share) - 0.5).max() < 0.02


def test_neighbours_are_unrelated() -> None:
    found = draws("a", 0, counters=np.arange(20_000)) / 2**64
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.03
