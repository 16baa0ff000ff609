"""Whether a probability of 80 % is right 80 times in 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


def calibration_bins(
    labels: NDArray[np.int64], probabilities: NDArray[np.float32], bins: int = BINS
) -> list[dict[str, Any]]:
    """Group predictions by the probability of the predicted class, in bins of equal width.

    Returns:
        For each bin that is not empty: ``low``, ``high``, ``images``, mean ``confidence`` and
        ``accuracy``.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        {
            "low": index / bins,
            "high": (index + 1) / bins,
            "images": int(inside.sum()),
            "confidence": float(confidence[inside].mean(dtype=np.float64)),
            "accuracy": float(right[inside].mean()),
        }
        for index in range(bins)
        if (inside := place == index).any()
    ]


def expected_calibration_error(bins: Sequence[dict[str, Any]]) -> float:
    """Return the mean |accuracy − confidence| over images (Guo et al. 2017, equation 3)."""
    total = sum(entry["images"] for entry in bins)
    gaps = (entry["images"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins)
    return float(sum(gaps) / total)
