"""Keeping copies of one picture on one side of the splits that convwise makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def copy_codes(digests: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return a number for each digest, (n,); two are equal where the digests are.

    Args:
        digests: uint8, (n, 16).

    Example:
        >>> copy_codes(np.repeat(np.array([[5], [3], [5]], np.uint8), 16, axis=1)).tolist()
        [1, 0, 1]
    """
    halves = np.ascontiguousarray(digests).view(np.uint64)
    order = np.lexsort(halves.T)
    fresh = (np.diff(halves[order], axis=0) != 0).any(axis=1)
    codes = np.empty(len(digests), np.int64)
    codes[order] = np.concatenate(([0], np.cumsum(fresh)))[: len(digests)]
    return codes


def keep_copies_together(
    places: Mapping[str, NDArray[np.int64]],
    digests: NDArray[np.uint8],
    carved: Sequence[str],
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """Move a held-out picture to the training split if another split has a copy of it.

    Only splits that convwise made are changed; those of the source stay as they are, and what
    crosses them is for the audit to tell. A copy that training has seen would make a score too
    good, and a copy in both held-out splits would let the choice of a model see the test.

    Args:
        places: ``train``, ``validation`` and ``test`` → positions.
        digests: uint8, (n, 16), of each position's pixels.
        carved: the splits that convwise made.

    Returns:
        the splits, ascending, and the positions that moved.

    Example:
        >>> places = {"train": np.array([0]), "validation": np.array([1]), "test": np.array([2])}
        >>> digests = np.repeat(np.array([[7], [8], [7]], np.uint8), 16, axis=1)
        >>> kept, moved = keep_copies_together(places, digests, ["validation", "test"])
        >>> kept["train"].tolist(), moved.tolist()
        ([0, 2], [2])
    """
    result = dict(places)
    codes = copy_codes(digests)
    changeable = ["train", *carved]
    moved = []
    for split in carved:
        elsewhere = np.concatenate([places[name] for name in changeable if name != split])
        has_copy = np.isin(codes[places[split]], codes[elsewhere])
        moved.append(places[split][has_copy])
        result[split] = places[split][~has_copy]
    everything = np.sort(np.concatenate(moved)) if moved else np.array([], np.int64)
    result["train"] = np.sort(np.concatenate([places["train"], everything]))
    return result, everything
