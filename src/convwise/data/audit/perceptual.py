"""Perceptual hashes: pairs that look alike though their pixels differ by more than a little.

A 64-bit hash (imagehash's ``phash``, of the ``quality`` extra) holds the coarse shape of a picture:
a brighter or a recompressed copy has almost the same one.
"""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.data.audit.findings import Pictures

MOST_BITS = 2
FARTHEST = 20.0

_BLOCK_ROWS = 1_024
_WINDOW = 256


def available() -> bool:
    """Tell whether imagehash is installed."""
    return importlib.util.find_spec("imagehash") is not None


def hashes_of(pictures: Pictures) -> NDArray[np.uint64]:
    """Return the perceptual hash of every decoded picture, uint64, (n,)."""
    from imagehash import phash

    found = np.empty((len(pictures), 64), np.bool_)
    for start in range(0, len(pictures), _BLOCK_ROWS):
        rows = np.arange(start, min(start + _BLOCK_ROWS, len(pictures)), dtype=np.int64)
        for row, pixels in zip(rows.tolist(), pictures.take(rows), strict=True):
            image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
            found[row] = phash(image).hash.ravel()
    return np.packbits(found, axis=1).view(">u8").ravel().astype(np.uint64)


def bits_between(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return how many of 64 bits differ, (n,).

    Example:
        >>> bits_between(np.array([5], np.uint64), np.array([6], np.uint64)).tolist()
        [2]
    """
    differing = np.ascontiguousarray(first ^ second).view(np.uint8).reshape(-1, 8)
    counts: NDArray[np.int64] = np.unpackbits(differing, axis=1).sum(axis=1, dtype=np.int64)
    return counts


def alike_pairs(hashes: NDArray[np.uint64], most_bits: int = MOST_BITS) -> NDArray[np.int64]:
    """Find pairs whose hashes differ by at most two bits, int64, (m, 2), the smaller row first.

    Two bits spoil at most two of the four 16-bit blocks of a hash, so such a pair agrees in two
    whole blocks, and only pictures that do are compared. Where very many do, as blank pictures do,
    each is compared with the next 256 in the order of hashes, and some pairs may be missed.

    Args:
        hashes: uint64, (n,).
        most_bits: 0, 1 or 2.
    """
    found = [np.empty((0, 2), np.int64)]
    for kept in itertools.combinations(range(4), 2):
        mask = np.uint64(sum(0xFFFF << (16 * block) for block in kept))
        order = np.lexsort((hashes, hashes & mask))
        keys = (hashes & mask)[order]
        for step in range(1, min(_WINDOW, len(order) - 1) + 1):
            together = np.flatnonzero(keys[step:] == keys[:-step])
            if not len(together):
                break
            pairs = np.stack((order[together], order[together + step]), axis=1)
            bits = bits_between(hashes[pairs[:, 0]], hashes[pairs[:, 1]])
            found.append(np.sort(pairs[bits <= most_bits], axis=1))
    return np.unique(np.concatenate(found), axis=0)
