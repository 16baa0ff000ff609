"""Likely label errors, by confident learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelError:
    """An image whose label is likely wrong.

    Args:
        image: which of the images.
        label: place of the class that it has.
        suggested: place of the class that the network is confident of.
        own: probability of the label.
        other: probability of the suggested class.
    """

    image: int
    label: int
    suggested: int
    own: float
    other: float


def label_errors(
    labels: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> tuple[LabelError, ...]:
    """Return the images that the network confidently counts to another class than their label.

    The threshold of a class is the mean probability that the network gives to it over the images
    that bear its label. An image counts, among the classes whose threshold its probability
    reaches, to the most probable one; if that is another than its label, the label is likely
    wrong. A network that is sure of all it says, or of little, is so held to its own measure.

    Source: Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset
    labels (2021), section 3.1: off-diagonals of the confident joint, ranked by normalised margin.

    Args:
        labels: int64, (images,).
        probabilities: float32, (images, classes), of a network that has not learnt from these
            images; one that has agrees with their labels.

    Returns:
        The likeliest error first: by the label's probability less the suggested class's.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.95, 0.05]], np.float32)
        >>> [found.image for found in label_errors(np.array([0, 0, 1, 1]), probabilities)]
        [3]
    """
    if not len(labels):
        return ()
    count = probabilities.shape[1]
    # A class without images has no threshold that could be reached.
    thresholds = np.full(count, np.inf)
    for label in np.unique(labels).tolist():
        thresholds[label] = probabilities[labels == label, label].mean(dtype=np.float64)
    # Of equal probabilities float32 has a mean that may round above them.
    reached = np.where(probabilities >= thresholds - 1e-9, probabilities, -1.0)
    confident = reached.argmax(axis=1)
    likely = np.flatnonzero((reached.max(axis=1) >= 0) & (confident != labels))
    found = [
        LabelError(
            image,
            int(labels[image]),
            int(confident[image]),
            float(probabilities[image, labels[image]]),
            float(probabilities[image, confident[image]]),
        )
        for image in likely.tolist()
    ]
    return tuple(sorted(found, key=lambda each: (each.own - each.other, each.image)))
