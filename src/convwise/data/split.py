"""Holding out a part of every class."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
from numpy.typing import NDArray

from convwise.data.draws import draws
from convwise.errors import DataError, OptionError


def stratified_split(
    labels: NDArray[np.int64], fraction: float, seed: int, limit: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide positions into kept and held ones, the same share of every class.

    The outcome depends on ``labels`` and the other arguments only. Each class gives its share
    rounded down or up, so that the total comes out right; a class of two or more gives at least
    one and keeps at least one; a class of one keeps it.

    Args:
        labels: int64, (n,), class indices.
        fraction: share to hold, between 0 and 1, both excluded.
        seed: decides which ones.
        limit: hold at most this many in total (but still one of each class of two or more).

    Returns:
        (kept, held): ascending int64 positions, disjoint, together all n.

    Raises:
        OptionError: ``fraction`` is out of range.

    Example:
        >>> kept, held = stratified_split(np.repeat([0, 1], 10), 0.2, seed=0)
        >>> len(kept), np.bincount(np.repeat([0, 1], 10)[held]).tolist()
        (16, [2, 2])
    """
    if not 0 < fraction < 1:
        raise OptionError(f"fraction {fraction} to hold out is not between 0 and 1")
    held_mask = np.zeros(len(labels), dtype=np.bool_)
    if len(labels):
        counts = _shares(np.bincount(labels), fraction, limit)
        rank = draws("split", seed, counters=np.arange(len(labels), dtype=np.int64))
        by_class = np.lexsort((rank, labels))
        first = np.concatenate(([0], np.cumsum(np.bincount(labels))[:-1]))
        place_in_class = np.arange(len(labels)) - first[labels[by_class]]
        held_mask[by_class[place_in_class < counts[labels[by_class]]]] = True
    return np.flatnonzero(~held_mask), np.flatnonzero(held_mask)


def grouped_split(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    fraction: float,
    seed: int,
    limit: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide positions so that each group is on one side, and classes as evenly as groups allow.

    The groups are dealt into 1 / ``fraction`` parts (rounded) by scikit-learn's
    ``StratifiedGroupKFold``, and one part is held.

    Args:
        labels: int64, (n,), class indices.
        groups: int64, (n,), for example a number for each patient or camera.
        fraction: share to hold, between 0 and 1, both excluded; the outcome is near it.
        seed: decides which groups.
        limit: aim to hold at most this many.

    Returns:
        (kept, held): ascending int64 positions, disjoint, together all n.

    Raises:
        OptionError: ``fraction`` is out of range.
        DataError: there are too few groups to part.

    Example:
        >>> kept, held = grouped_split(np.zeros(8, int), np.repeat([0, 1, 2, 3], 2), 0.25, seed=0)
        >>> len(kept), len(held)
        (6, 2)
    """
    if not 0 < fraction < 1:
        raise OptionError(f"fraction {fraction} to hold out is not between 0 and 1")
    if limit is not None and len(labels):
        fraction = min(fraction, limit / len(labels))
    count = len(np.unique(groups))
    if count < 2:
        raise DataError(
            f"{count} group cannot be on two sides; give pictures of more groups, or no group"
        )
    parts = min(max(2, round(1 / fraction)), count)
    return fold_split(labels, groups, 1, parts, seed)


def fold_split(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    number: int,
    folds: int,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out one part of a cross-validation, with classes as even as they can be.

    For one seed the parts are disjoint and together are all positions. They are those of
    scikit-learn's ``StratifiedKFold``, and ``StratifiedGroupKFold`` where there are groups.

    Args:
        labels: int64, (n,), class indices.
        groups: int64, (n,): each is in one part only; or None.
        number: which part, from 1.
        folds: how many parts.
        seed: decides which pictures are in which part.

    Returns:
        (kept, held): ascending int64 positions, disjoint, together all n.

    Raises:
        DataError: there are too few pictures or groups for so many parts.

    Example:
        >>> [fold_split(np.zeros(6, int), None, part, 3, seed=0)[1].tolist() for part in (1, 2, 3)]
        [[2, 4], [1, 3], [0, 5]]
    """
    # Imported here: it takes half a second, and few runs need it.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    dealer = kind(folds, shuffle=True, random_state=seed % 2**32)
    with warnings.catch_warnings():
        # A class with fewer pictures than parts is no reason to alarm anyone here.
        warnings.simplefilter("ignore", UserWarning)
        try:
            parts = dealer.split(np.zeros(len(labels)), labels, groups)
            kept, held = next(itertools.islice(parts, number - 1, None))
        except ValueError as error:
            what = "pictures" if groups is None else "groups"
            raise DataError(f"the {what} cannot be parted into {folds}: {error}") from None
    return np.sort(kept).astype(np.int64), np.sort(held).astype(np.int64)


def _shares(sizes: NDArray[np.int64], fraction: float, limit: int | None) -> NDArray[np.int64]:
    target = round(sizes.sum() * fraction)
    if limit is not None:
        target = min(target, limit)
    exact = sizes * (target / sizes.sum())
    shares: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    most = np.maximum(sizes - 1, 0)
    shares = np.maximum(np.minimum(shares, most), np.minimum(most, 1))
    # What rounding down left over goes to the classes that lost most by it.
    remainder = np.where(shares < np.minimum(exact, most), exact - shares, 0.0)
    left = max(0, target - int(shares.sum()))
    winners = np.argsort(-remainder, kind="stable")[:left]
    shares[winners[remainder[winners] > 0]] += 1
    return shares
