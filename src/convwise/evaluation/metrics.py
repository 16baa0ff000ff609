"""Figures that say how good a classifier is, each from labels and probabilities alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from convwise.evaluation.calibration import calibration_bins, expected_calibration_error

_Z95 = 1.959963984540054


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4).

    Unlike the textbook's ±1.96 standard errors it stays within 0…1 and holds its coverage near
    the ends. No trials give (0, 1): nothing is known.

    Example:
        >>> [round(end, 4) for end in wilson_interval(90, 100)]
        [0.8256, 0.9448]
    """
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    shrink = 1 + _Z95**2 / trials
    centre = (share + _Z95**2 / (2 * trials)) / shrink
    half = _Z95 * math.sqrt(share * (1 - share) / trials + _Z95**2 / (4 * trials**2)) / shrink
    # Rounding must not push an end past the proportion itself.
    low = max(0.0, centre - half) if successes else 0.0
    high = min(1.0, centre + half) if successes < trials else 1.0
    return low, high


def negative_log_likelihood(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float:
    """Return the mean of −ln p(true class), in nats; p is held above the smallest float32."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def score(
    labels: NDArray[np.int64], probabilities: NDArray[np.float32], classes: Sequence[str]
) -> dict[str, Any]:
    """Return every figure of an evaluation as plain JSON values.

    Args:
        labels: int64 (images,), the true classes.
        probabilities: float32 (images, classes).
        classes: class names in the order of the columns.

    Returns:
        ``images``, ``accuracy`` with ``accuracy_interval`` (Wilson, 95 %), ``balanced_accuracy``
        (mean recall of the classes that occur), ``macro_f1``, ``nll`` (nats), ``ece``,
        ``per_class``, ``confusion`` (rows true, columns predicted), ``calibration``.
    """
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    confusion = confusion_matrix(labels, predicted, labels=range(len(classes)))
    per_class = _per_class(labels, predicted, classes, confusion)
    present = [entry for entry in per_class if entry["images"]]
    bins = calibration_bins(labels, probabilities)
    return {
        "images": len(labels),
        "accuracy": right / len(labels),
        "accuracy_interval": list(wilson_interval(right, len(labels))),
        "balanced_accuracy": float(np.mean([entry["recall"] for entry in present])),
        "macro_f1": float(np.mean([entry["f1"] for entry in per_class])),
        "nll": negative_log_likelihood(labels, probabilities),
        "ece": expected_calibration_error(bins),
        "per_class": per_class,
        "confusion": confusion.tolist(),
        "calibration": bins,
    }


def _per_class(
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    classes: Sequence[str],
    confusion: NDArray[np.int64],
) -> list[dict[str, Any]]:
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=range(len(classes)), zero_division=0
    )
    return [
        {
            "class": name,
            "images": int(support[index]),
            "precision": float(precision[index]),
            "recall": float(recall[index]),
            "recall_interval": list(
                wilson_interval(int(confusion[index, index]), int(support[index]))
            ),
            "f1": float(f1[index]),
        }
        for index, name in enumerate(classes)
    ]
