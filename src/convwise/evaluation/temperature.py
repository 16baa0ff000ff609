"""Temperature scaling: one number that makes probabilities mean what they say.

A network may be right more or less often than its probabilities claim. Dividing all logits by one
temperature before the softmax mends most of that and changes no answer (Guo et al. 2017, "On
calibration of modern neural networks", section 4.2).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data.store import PixelStore
from convwise.evaluation.calibration import calibration_bins, expected_calibration_error
from convwise.evaluation.metrics import negative_log_likelihood
from convwise.evaluation.predict import STORE_IMAGES, Predictor, softmax
from convwise.model.trained import TrainedModel

LEAST_IMAGES = 50
# One number is known well enough from so many, evenly spread.
MOST_IMAGES = 20_000
LOWEST, HIGHEST = 0.05, 20.0


@dataclass(frozen=True)
class Sureness:
    """How well probabilities fit the truth: NLL in nats an image, and the calibration error."""

    nll: float
    ece: float


@dataclass(frozen=True)
class Scaling:
    """The temperature of a model, and what it does on the images that it was fitted to.

    Args:
        temperature: 1 where none was found that helps.
        images: how many validation images there were.
        reason: ``fitted``, or why the temperature stays 1.
        before: with temperature 1; None without an image.
        after: with ``temperature``.
    """

    temperature: float
    images: int
    reason: str
    before: Sureness | None
    after: Sureness | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        if self.reason != "fitted" or self.before is None or self.after is None:
            return f"temperature stays 1: {self.reason}"
        return (
            f"temperature {self.temperature:.3f}: validation NLL {self.before.nll:.4f} →"
            f" {self.after.nll:.4f}, ECE {self.before.ece:.4f} → {self.after.ece:.4f}"
        )


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Scaling:
    """Find the temperature with the least NLL; it must also help images it was not fitted to.

    Each half of the images is scored with the temperature of the other half. Where that is no
    better than leaving the logits alone, the gain is an accident, and the temperature stays 1.

    Args:
        logits: float32 (images, classes) of held-out images, as the network gives them.
        labels: int64 (images,).

    Example:
        >>> logits = np.tile(np.array([[4.0, 0.0], [0.0, 4.0]], np.float32), (50, 1))
        >>> labels = np.tile(np.array([0, 1, 0, 1, 1]), 20)  # right in three of five
        >>> fit_temperature(logits, labels).temperature > 2
        True
    """
    count = len(labels)
    if count > MOST_IMAGES:
        chosen = np.linspace(0, count - 1, MOST_IMAGES).astype(np.int64)
        logits, labels = logits[chosen], labels[chosen]
    before = _sureness(logits, labels, 1.0) if count else None

    def stay(reason: str) -> Scaling:
        return Scaling(1.0, count, reason, before, before)

    if count < LEAST_IMAGES:
        return stay(f"{count} validation images are fewer than {LEAST_IMAGES}")
    # The images are sorted by class, so every second one is a fair half.
    halves = [(logits[start::2], labels[start::2]) for start in (0, 1)]
    crossed = _nll(*halves[0], _best(*halves[1])) * len(halves[0][1])
    crossed += _nll(*halves[1], _best(*halves[0])) * len(halves[1][1])
    if not crossed < _nll(logits, labels, 1.0) * len(labels):
        return stay("no other is better on validation images that it was not fitted to")
    temperature = _best(logits, labels)
    return Scaling(temperature, count, "fitted", before, _sureness(logits, labels, temperature))


def validation_scaling(model: TrainedModel, validation: PixelStore) -> Scaling:
    """Return the temperature that suits a model on the images of a validation split."""
    logits = np.empty((len(validation), len(model.classes)), np.float32)
    predictor = Predictor(model)
    for start in range(0, len(validation), STORE_IMAGES):
        block = slice(start, start + STORE_IMAGES)
        logits[block] = predictor.logits(validation.take(block))
    return fit_temperature(logits, validation.labels)


def unscaled(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the probabilities that a model would have given with temperature 1.

    Example:
        >>> scaled = softmax(np.array([[2.0, 0.0]], np.float32), temperature=2.0)
        >>> unscaled(scaled, 2.0).round(4).tolist() == softmax(
        ...     np.array([[2.0, 0.0]], np.float32)
        ... ).round(4).tolist()
        True
    """
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    return softmax(logs, 1.0 / temperature)


def _best(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    # Here, as it takes half a second to import.
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log: _nll(logits, labels, math.exp(log)),
        bounds=(math.log(LOWEST), math.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return math.exp(float(found.x))


def _nll(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> float:
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    chosen = scaled[np.arange(len(labels)), labels]
    return float((np.log(np.exp(scaled).sum(axis=1)) - chosen).mean())


def _sureness(
    logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> Sureness:
    return sureness(labels, softmax(logits, temperature))


def sureness(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Sureness:
    """Return NLL and ECE of probabilities, float32 (images, classes)."""
    return Sureness(
        nll=negative_log_likelihood(labels, probabilities),
        ece=expected_calibration_error(calibration_bins(labels, probabilities)),
    )
