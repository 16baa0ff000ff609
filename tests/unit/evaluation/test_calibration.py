from __future__ import annotations

import math

import numpy as np
import pytest

from convwise.evaluation.calibration import BINS, calibration_bins, expected_calibration_error


def plain_ece(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Guo et al. 2017, equation 3, one prediction after the other."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for label, row in zip(labels, probabilities, strict=True):
        confidence = float(row.max())
        # Bins are open below and closed above, as in the paper.
        place = next(m for m in range(1, BINS + 1) if confidence <= m / BINS)
        bins.setdefault(place, []).append((confidence, int(row.argmax()) == label))
    gaps = []
    for members in bins.values():
        confidence = math.fsum(value for value, _ in members) / len(members)
        accuracy = sum(right for _, right in members) / len(members)
        gaps.append(len(members) * abs(accuracy - confidence))
    return math.fsum(gaps) / len(labels)


@pytest.mark.parametrize("seed", range(4))
def test_the_error_is_that_of_a_plain_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet([0.4] * 5, 400).astype(np.float32)
    labels = generator.integers(0, 5, 400)
    found = expected_calibration_error(calibration_bins(labels, probabilities))
    assert found == pytest.approx(plain_ece(labels, probabilities), abs=1e-6)


def test_bins_hold_every_prediction_once_and_empty_ones_are_left_out() -> None:
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5], [0.51, 0.49], [0.0, 1.0]], np.float32)
    bins = calibration_bins(np.array([0, 0, 1, 0]), probabilities)
    assert sum(entry["images"] for entry in bins) == 4
    assert [entry["images"] for entry in bins] == [2, 2]
    assert bins[-1] == pytest.approx(
        {"low": 14 / 15, "high": 1.0, "images": 2, "confidence": 1.0, "accuracy": 0.5}
    )


def test_a_perfect_and_sure_classifier_has_no_error() -> None:
    labels = np.arange(6) % 3
    bins = calibration_bins(labels, np.eye(3, dtype=np.float32)[labels])
    assert expected_calibration_error(bins) == 0
