"""audit: look at every picture of a data set, and tell what is wrong or odd."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from convwise.data.audit import perceptual
from convwise.data.audit.balance import balance_warnings
from convwise.data.audit.duplicates import find_duplicates, members, same_decoded
from convwise.data.audit.findings import Audit, Duplicate, Located, NearDuplicate, Pictures
from convwise.data.audit.near_duplicates import MOST_PAIRS, NEAR, distances_of, near_pairs
from convwise.data.audit.oddities import find_oddities
from convwise.data.dataset import Decoded, Progress

STOPPED = f"the search for near duplicates ended after {MOST_PAIRS:,} pairs; there are more"


def audit(decoded: Decoded, *, near: bool = True, on_progress: Progress | None = None) -> Audit:
    """Look for everything that is wrong or odd; nothing is changed.

    Exact duplicates are equal at full size. Near duplicates are all pairs whose decoded pixels
    differ by less than 5 grey levels root mean square; with the ``quality`` extra also pairs that
    differ by up to 20 and whose perceptual hashes differ by at most 2 of 64 bits.

    Args:
        decoded: what was read, of all splits.
        near: also search near duplicates.
        on_progress: called as ``on_progress(done, total)`` during that search, in pictures.

    Example:
        >>> from convwise.data import load_data
        >>> found = audit(load_data("fashion-mini").decode(), near=False)
        >>> found.images, found.near_duplicates
        (12000, None)
    """
    pictures = Pictures(decoded)
    classes = decoded.dataset.classes
    counts = {
        split: dict(
            zip(classes, np.bincount(store.labels, minlength=len(classes)).tolist(), strict=True)
        )
        for split, store in decoded.stores.items()
    }
    numbers = same_decoded(pictures.digests)
    equal = find_duplicates(pictures, numbers)
    warnings = balance_warnings(classes, counts["train"])
    pairs, complete = (
        _near(pictures, numbers, equal, on_progress) if near and len(pictures) else ((), True)
    )
    return Audit(
        source=decoded.dataset.source,
        image_format=decoded.dataset.format.shape,
        counts=counts,
        skipped=decoded.skipped,
        oddities=find_oddities(pictures),
        duplicates=tuple(Duplicate(tuple(map(pictures.located, rows.tolist()))) for rows in equal),
        near_duplicates=pairs if near else None,
        warnings=warnings if complete else (*warnings, STOPPED),
        carved=decoded.dataset.carved,
        moved=_moved(decoded),
    )


def _moved(decoded: Decoded) -> tuple[Located, ...]:
    if not decoded.moved:
        return ()
    names, train = set(decoded.moved), decoded.stores["train"]
    return tuple(
        Located(name, "train", decoded.dataset.classes[label], position)
        for name, label, position in zip(
            train.ids, train.labels.tolist(), decoded.places["train"].tolist(), strict=True
        )
        if name in names
    )


def _near(
    pictures: Pictures,
    numbers: NDArray[np.int64],
    equal: list[NDArray[np.int64]],
    on_progress: Progress | None,
) -> tuple[tuple[NearDuplicate, ...], bool]:
    """Search among pictures that decode differently; then tell of all that decode alike."""
    copies = members(numbers)
    firsts = np.array([rows[0] for rows in copies], np.int64)
    found = near_pairs(pictures, np.sort(firsts), on_progress=on_progress)
    hashes = perceptual.hashes_of(pictures) if perceptual.available() else None
    distances = dict(zip(map(tuple, found.rows.tolist()), found.distances.tolist(), strict=True))
    if hashes is not None:
        distances |= _alike(pictures, np.sort(firsts), hashes)
    listed = _with_copies(distances, numbers, copies, equal)
    kept = sorted(itertools.islice(listed, MOST_PAIRS + 1), key=lambda item: (item[1], item[0]))
    complete = found.complete and len(kept) <= MOST_PAIRS
    return tuple(_pair(pictures, *item, hashes) for item in kept[:MOST_PAIRS]), complete


def _alike(
    pictures: Pictures, firsts: NDArray[np.int64], hashes: NDArray[np.uint64]
) -> dict[tuple[int, int], float]:
    pairs = firsts[perceptual.alike_pairs(hashes[firsts])]
    distances = distances_of(pictures, pairs)
    fit = (distances >= NEAR) & (distances <= perceptual.FARTHEST)
    return {
        (a, b): distance
        for (a, b), distance in zip(pairs[fit].tolist(), distances[fit].tolist(), strict=True)
    }


def _with_copies(
    distances: dict[tuple[int, int], float],
    numbers: NDArray[np.int64],
    copies: list[NDArray[np.int64]],
    equal: list[NDArray[np.int64]],
) -> Iterator[tuple[tuple[int, int], float]]:
    """Yield each pair for all copies of its pictures, and copies that differ at full size."""
    for (a, b), distance in distances.items():
        for one, other in itertools.product(copies[numbers[a]], copies[numbers[b]]):
            yield (int(min(one, other)), int(max(one, other))), distance
    # Duplicates are told as such: here they count as one picture each.
    duplicate = {row: place for place, rows in enumerate(equal) for row in rows.tolist()}
    for rows in copies:
        if len({duplicate.get(row, -1 - row) for row in rows.tolist()}) > 1:
            for one, other in itertools.combinations(rows.tolist(), 2):
                if duplicate.get(one, -1) != duplicate.get(other, -2):
                    yield (one, other), 0.0


def _pair(
    pictures: Pictures,
    rows: tuple[int, int],
    distance: float,
    hashes: NDArray[np.uint64] | None,
) -> NearDuplicate:
    a, b = rows
    bits = None if hashes is None else int(hashes[a] ^ hashes[b]).bit_count()
    return NearDuplicate(pictures.located(a), pictures.located(b), distance, bits)
