"""Exact duplicates: pictures that are equal, pixel for pixel, at their full size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convwise.data.audit.findings import Pictures
from convwise.errors import DataError


def same_decoded(digests: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the pictures so that those with equal digests have equal numbers.

    Args:
        digests: uint8, (n, bytes).

    Returns:
        int64, (n,), numbers from 0 without gaps.

    Example:
        >>> same_decoded(np.array([[7, 7], [1, 2], [7, 7]], np.uint8)).tolist()
        [1, 0, 1]
    """
    if not len(digests):
        return np.zeros(0, np.int64)
    whole = np.ascontiguousarray(digests).view(f"V{digests.shape[1]}").ravel()
    _, numbers = np.unique(whole, return_inverse=True)
    return numbers.ravel().astype(np.int64)


def members(numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the places of each number, ascending: one array per number.

    Example:
        >>> [each.tolist() for each in members(np.array([1, 0, 1]))]
        [[1], [0, 2]]
    """
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1) if len(order) else []


def find_duplicates(pictures: Pictures, numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the sets of equal pictures, each ascending, in the order of their first picture.

    Pictures that are equal once they are decoded may still differ at full size, as a photograph
    and its thumbnail do. So every candidate is read again, at full size. One that can no longer
    be read is in no set.

    Args:
        pictures: all pictures.
        numbers: int64, (n,), see :func:`same_decoded`.
    """
    found = []
    counts = np.bincount(numbers)
    suspects = np.flatnonzero(counts[numbers] > 1) if len(numbers) else numbers
    for candidates in members(numbers[suspects]):
        found.extend(_equal_at_full_size(pictures, suspects[candidates]))
    return sorted(found, key=lambda rows: int(rows[0]))


def _equal_at_full_size(
    pictures: Pictures, candidates: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    samples = pictures.decoded.dataset.samples
    sets: dict[bytes, list[int]] = {}
    for row in candidates.tolist():
        try:
            digest = samples.whole_digest(pictures.position(row))
        except DataError:
            continue
        sets.setdefault(digest, []).append(row)
    return [np.array(rows, np.int64) for rows in sets.values() if len(rows) > 1]
