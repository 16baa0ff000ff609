"""Random numbers as a function of a key, not of a history.

A draw for (seed, epoch, sample) is a hash of these numbers. So it does not matter in which order,
in which batch or on which machine a sample is met: it gets the same draw, and a run resumes in the
middle without a saved generator. The mixing step is the finaliser of SplitMix64 (Steele, Lea and
Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA, figure 17; constants after
David Stafford's variant 13).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 0xFFFF_FFFF_FFFF_FFFF


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def draws(purpose: str, *key: int, counters: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return 64 random bits for each counter.

    Args:
        purpose: keeps draws for different ends independent, for example ``"shuffle"``.
        key: whole numbers, for example seed and epoch; any size or sign.
        counters: int64, any shape, for example sample indices.

    Returns:
        uint64, of the shape of ``counters``.

    Example:
        >>> first, second = draws("shuffle", 0, 1, counters=np.array([0, 1]))
        >>> bool(first != second)
        True
    """
    state = 0
    for part in (*purpose.encode(), -1, *key):
        state = _mix((state + _GOLDEN + part) & _MASK)
    bits = counters.astype(np.uint64)
    bits += np.uint64(1)
    bits *= np.uint64(_GOLDEN)
    bits += np.uint64(state)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits ^= bits >> np.uint64(shift)
        bits *= np.uint64(factor)
    bits ^= bits >> np.uint64(31)
    return bits


def shares(purpose: str, *key: int, counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a number evenly drawn from 0 (included) to 1 (excluded) for each counter.

    Args:
        purpose: see :func:`draws`.
        key: whole numbers, for example seed and epoch.
        counters: int64, any shape.

    Example:
        >>> round(float(shares("example", counters=np.arange(100_000)).mean()), 1)
        0.5
    """
    # 53 bits are all that a float64 can tell apart.
    bits = draws(purpose, *key, counters=counters) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53
