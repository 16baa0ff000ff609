"""The training images that a network finds most like an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Neighbour:
    """A training image.

    Args:
        image: which of the training images.
        likeness: cosine of the angle between both images' features, -1…1.
    """

    image: int
    likeness: float


def nearest(
    features: NDArray[np.float32], train: NDArray[np.float32], count: int
) -> list[tuple[Neighbour, ...]]:
    """Return for each image the training images whose features point most nearly its way.

    Args:
        features: float32, (images, values).
        train: float32, (training images, values).
        count: neighbours of an image, fewer where there are not so many.

    Returns:
        A tuple for each image, the nearest first.

    Example:
        >>> train = np.array([[1, 0], [0, 1], [2, 2]], np.float32)
        >>> [each.image for each in nearest(np.array([[3, 0.1]], np.float32), train, 2)[0]]
        [0, 2]
    """
    count = min(count, len(train))
    if not len(features) or not count:
        return [() for _ in features]
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(train)
    distances, places = search.kneighbors(features)
    return [
        tuple(
            Neighbour(place, 1.0 - distance)
            for place, distance in zip(row.tolist(), apart.tolist(), strict=True)
        )
        for row, apart in zip(places, distances, strict=True)
    ]
