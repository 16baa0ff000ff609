"""Listing: what a source holds, before it is decided what is trained on and what is held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.data.dataset import Samples, Skipped

WHOLE = "all"


@dataclass(frozen=True, eq=False)
class Listing:
    """Labelled pictures as a source has them; every source gives one.

    Args:
        name: short name of the source, for reports and run folders.
        classes: class names; a label is an index into them. A class may be empty.
        samples: all pictures, parts one after the other, each in canonical order.
        parts: positions in ``samples``, ascending: ``{"all": …}``, or ``train`` and those of
            ``validation`` and ``test`` that the source has.
        skipped: files that are no pictures or stand outside the layout.
        groups: int64, (n,): pictures of one group must stay on one side; None without groups.
    """

    name: str
    classes: tuple[str, ...]
    samples: Samples
    parts: Mapping[str, NDArray[np.int64]]
    skipped: tuple[Skipped, ...] = ()
    groups: NDArray[np.int64] | None = None


def consecutive(sizes: Mapping[str, int]) -> dict[str, NDArray[np.int64]]:
    """Return the positions of parts that stand one after the other.

    Example:
        >>> consecutive({"train": 2, "test": 1})["test"].tolist()
        [2]
    """
    parts, start = {}, 0
    for name, size in sizes.items():
        parts[name] = np.arange(start, start + size, dtype=np.int64)
        start += size
    return parts
