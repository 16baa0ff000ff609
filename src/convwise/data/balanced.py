"""An order of pictures in which all classes occur equally often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convwise.data.draws import draws


def balanced_turns(labels: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Return as many turns as there are pictures, equally many for each class, shuffled.

    A turn is a picture's position, plus the number of pictures for each time that it has been
    drawn before in this epoch; so each turn has random changes of its own. No picture of a class
    is drawn again before all of them have been drawn. What is left over when the pictures are
    divided among the classes goes to another class in each epoch. All of it depends on (seed,
    epoch) alone.

    Args:
        labels: int64 (n,), class indices; a class that has no picture has no turn.
        seed: of the run.
        epoch: number of the epoch.

    Example:
        >>> turns = balanced_turns(np.array([0, 0, 0, 0, 0, 1]), seed=0, epoch=1)
        >>> np.bincount(np.array([0, 0, 0, 0, 0, 1])[turns % 6]).tolist()
        [3, 3]
    """
    count = len(labels)
    present = np.unique(labels)
    quota, rest = divmod(count, len(present))
    parts = []
    for place, label in enumerate(present):
        wanted = quota + int((place - epoch) % len(present) < rest)
        members = np.flatnonzero(labels == label).astype(np.int64)
        for again in range(-(-wanted // len(members))):
            turns = members + again * count
            order = np.argsort(draws("balance", seed, epoch, counters=turns), kind="stable")
            parts.append(turns[order][: wanted - again * len(members)])
    turns = np.concatenate(parts)
    return turns[np.argsort(draws("shuffle", seed, epoch, counters=turns), kind="stable")]
