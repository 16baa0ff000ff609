"""Near duplicates: all pairs of pictures that differ by little, found without trying all pairs.

The distance is the root mean square difference of the decoded pixels, in grey levels of 0…255.
Pictures with a side above 32 pixels are compared by their thumbnails: the means of at most 32 × 32
fields.

A projection onto directions at right angles never makes a distance larger. So whoever is near in
all values is near in a few projected ones too, and a tree over those few finds every such pair,
with others that a second projection and then the pixels themselves rule out. Nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from convwise.data.audit.findings import Pictures
from convwise.data.dataset import Progress

NEAR = 5.0
LARGEST_SIDE = 32
MOST_PAIRS = 100_000

_TREE_DIRECTIONS = 10
_DIRECTIONS = 64
_SAMPLED = 4_000
_BLOCK_VALUES = 1 << 22
_QUERIES = 1_024
_CANDIDATES = 1 << 21
_SLACK = 1e-4


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows and how far apart they are.

    Args:
        rows: int64, (m, 2), the smaller row first.
        distances: float64, (m,), in grey levels.
        complete: False where the search ended because there were too many.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
    complete: bool = True


def values_of(pictures: Pictures, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what pictures are compared by: pixels, or thumbnails of at most 32 × 32 means.

    Args:
        pictures: all pictures.
        rows: int64, (m,), which ones.

    Returns:
        float32, (m, values), 0…255.
    """
    values = pictures.take(rows).astype(np.float32)
    for axis in (1, 2):
        side = values.shape[axis]
        if side > LARGEST_SIDE:
            edges = np.linspace(0, side, LARGEST_SIDE + 1).astype(np.int64)
            sizes = np.diff(edges).astype(np.float32)
            sums: NDArray[np.float32] = np.add.reduceat(
                values, edges[:-1], axis=axis, dtype=np.float32
            )
            values = sums / sizes.reshape([-1 if place == axis else 1 for place in range(4)])
    return values.reshape(len(rows), -1)


def distances_of(pictures: Pictures, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distance of each pair in grey levels, float64, (m,), from int64 rows (m, 2)."""
    found = np.empty(len(pairs))
    step = _step(pictures)
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        rows, places = np.unique(part, return_inverse=True)
        values = values_of(pictures, rows)
        places = places.reshape(part.shape)
        difference = values[places[:, 0]] - values[places[:, 1]]
        squares = np.einsum("nv,nv->n", difference, difference, dtype=np.float64)
        found[start : start + step] = np.sqrt(squares / values.shape[1])
    return found


def near_pairs(
    pictures: Pictures,
    chosen: NDArray[np.int64],
    *,
    below: float = NEAR,
    most: int = MOST_PAIRS,
    on_progress: Progress | None = None,
) -> Pairs:
    """Find every pair of the chosen pictures whose distance is below a limit.

    Args:
        pictures: all pictures.
        chosen: int64, (m,), ascending rows to compare; leave out what is known to be equal.
        below: the limit, in grey levels.
        most: the search ends after so many pairs.
        on_progress: called as ``on_progress(done, m)``.
    """
    kept: list[NDArray[np.int64]] = [np.empty((0, 2), np.int64)]
    far: list[NDArray[np.float64]] = [np.empty(0)]
    total = 0
    if len(chosen) > 1:
        projected, values = _project(pictures, chosen)
        radius = below * values**0.5 + _SLACK * 255 * values**0.5
        for done, candidates in _candidates(projected, radius):
            pairs = chosen[candidates]
            distances = distances_of(pictures, pairs)
            near = distances < below
            kept.append(pairs[near])
            far.append(distances[near])
            total += int(near.sum())
            if on_progress:
                on_progress(done, len(chosen))
            if total > most:
                break
    rows, distances = np.concatenate(kept), np.concatenate(far)
    order = np.lexsort((rows[:, 1], rows[:, 0], distances))[:most]
    return Pairs(rows[order], distances[order], total <= most)


def _project(pictures: Pictures, chosen: NDArray[np.int64]) -> tuple[NDArray[np.float32], int]:
    """Return the chosen pictures in their principal directions, and the values of each."""
    sampled = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), _SAMPLED)).astype(np.int64)]
    values = values_of(pictures, sampled).astype(np.float64)
    mean = values.mean(axis=0)
    directions = _principal(values - mean)
    projected = np.empty((len(chosen), directions.shape[1]), np.float32)
    step = _step(pictures)
    for start in range(0, len(chosen), step):
        part = values_of(pictures, chosen[start : start + step])
        projected[start : start + step] = (part - mean) @ directions
    return projected, len(mean)


def _principal(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return directions of much variance, (values, at most 64), at right angles, widest first.

    A few rounds of the power method come near enough: any directions at right angles are right,
    and better ones are only quicker.
    """
    wide = min(_DIRECTIONS, centred.shape[1])
    basis = np.random.default_rng(0).standard_normal((centred.shape[1], wide))
    basis = np.linalg.qr(basis)[0]
    for _ in range(4):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0]
    _, turned = np.linalg.eigh(basis.T @ (centred.T @ (centred @ basis)))
    directions: NDArray[np.float64] = np.linalg.qr(basis @ turned[:, ::-1])[0]
    return directions


def _candidates(
    projected: NDArray[np.float32], radius: float
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield (rows done, pairs that may be near), some hundred thousands of pairs at a time."""
    few = np.ascontiguousarray(projected[:, :_TREE_DIRECTIONS], np.float64)
    tree = cKDTree(few)
    start = 0
    while start < len(few):
        sizes = tree.query_ball_point(
            few[start : start + _QUERIES], radius, return_length=True, workers=-1
        )
        # At least one row, however many neighbours it has.
        stop = start + max(1, int(np.searchsorted(np.cumsum(sizes), _CANDIDATES)))
        found = tree.query_ball_point(few[start:stop], radius, workers=-1, return_sorted=False)
        counts = np.array([len(each) for each in found])
        first = np.repeat(np.arange(start, start + len(found)), counts)
        second = np.concatenate([np.asarray(each, np.int64) for each in found])
        later = second > first
        pairs = np.stack((first[later], second[later]), axis=1)
        start += len(found)
        yield start, pairs[_near_in_all(projected, pairs, radius)]


def _near_in_all(
    projected: NDArray[np.float32], pairs: NDArray[np.int64], radius: float
) -> NDArray[np.bool_]:
    near = np.empty(len(pairs), np.bool_)
    step = _BLOCK_VALUES // projected.shape[1]
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        difference = projected[part[:, 0]] - projected[part[:, 1]]
        squares = np.einsum("nv,nv->n", difference, difference)
        near[start : start + step] = squares <= radius**2
    return near


def _step(pictures: Pictures) -> int:
    return max(1, _BLOCK_VALUES // max(1, int(np.prod(pictures.shape))))
