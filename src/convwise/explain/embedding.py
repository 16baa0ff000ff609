"""A data set in two dimensions: what the network finds alike lies together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.errors import DataError
from convwise.explain.figure import Figure
from convwise.explain.pictures import in_colour

# t-SNE of more takes minutes, and no eye tells more pictures apart.
MOST_EMBEDDED = 1_000
# Of as many components t-SNE finds neighbours quicker, and loses little (section 4.2).
_COMPONENTS = 50
_PERPLEXITY = 30.0
_FEWEST = 4
_SIDE, _MARGIN = 1000, 40


@dataclass(frozen=True, eq=False)
class Embedding(Figure):
    """Images of a data set in two dimensions.

    Args:
        places: float32, (images, 2), 0…1 along and down.
        thumbnails: of each image, uint8, (images, height, width, channels).
        images: int64, (images,), which of the split they are.
        labels: int64, (images,), places of their classes.
        predicted: int64, (images,), places of the classes that the network names.
    """

    places: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    images: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def drawn(self) -> NDArray[np.uint8]:
        """Return the thumbnails at their places, uint8, (height, width, 3)."""
        height, width = self.thumbnails.shape[1:3]
        made = np.full((_SIDE + height + _MARGIN, _SIDE + width + _MARGIN, 3), 255, np.uint8)
        corners = np.rint(self.places * _SIDE + _MARGIN / 2).astype(int)
        for (left, top), picture in zip(corners.tolist(), self.thumbnails, strict=True):
            made[top : top + height, left : left + width] = in_colour(picture)
        return made

    @property
    def caption(self) -> str:
        """How many images lie there."""
        return (
            f"{len(self.places):,} images, near each other where the network finds them alike"
            " (t-SNE of what enters its last layer)"
        )


def embedding(features: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Return places in two dimensions, by PCA to 50 components and then t-SNE.

    Source: van der Maaten and Hinton, Visualizing data using t-SNE (2008).

    Args:
        features: float32, (images, values), for example of ``convwise.features``.
        seed: the same one gives the same places.

    Returns:
        float32, (images, 2), each axis from 0 to 1. Only who is near whom has a meaning; of fewer
        than four images, they are on a line.

    Raises:
        DataError: there are no features, or more than 1,000 images.

    Example:
        >>> embedding(np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)).shape
        (20, 2)
    """
    if features.ndim != 2 or not features.size:
        raise DataError(f"features of the shape {features.shape}; give (images, values)")
    if len(features) > MOST_EMBEDDED:
        raise DataError(
            f"{len(features):,} images are more than the {MOST_EMBEDDED:,} that are laid out;"
            " give some of them"
        )
    if len(features) < _FEWEST:
        line = np.linspace(0, 1, len(features), dtype=np.float32)
        return np.stack([line, np.full_like(line, 0.5)], axis=1)
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    values = features.astype(np.float64)
    most = min(_COMPONENTS, len(values) - 1, values.shape[1])
    if values.shape[1] > most:
        values = PCA(most, random_state=seed).fit_transform(values)
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    init = "pca" if values.shape[1] > 1 else "random"
    found = TSNE(perplexity=perplexity, init=init, random_state=seed).fit_transform(values)
    low, high = found.min(axis=0), found.max(axis=0)
    places: NDArray[np.float32] = ((found - low) / np.maximum(high - low, 1e-12)).astype(np.float32)
    return places
