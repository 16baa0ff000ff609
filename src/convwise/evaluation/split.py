"""Every figure of a model on one split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data.store import PixelStore
from convwise.evaluation.calibration import calibration_bins
from convwise.evaluation.metrics import score
from convwise.evaluation.predict import Answer, PredictionPrecision, predict_store
from convwise.evaluation.shift import shift_robustness
from convwise.evaluation.temperature import sureness, unscaled
from convwise.model.trained import TrainedModel

SHIFT_IMAGES = 1_000
# The shift curve asks 33 times about each image: so many operations keep it to about a minute.
SHIFT_FLOPS = 50_000_000_000
FEWEST_SHIFT_IMAGES = 32


@dataclass(frozen=True)
class Evaluation:
    """Figures of a model on a split, and the predictions that they come from.

    Args:
        figures: plain JSON values, see ``metrics.score``; with ``temperature``, with ``unscaled``
            (``nll`` and ``ece`` without it), with ``unscaled_calibration`` (its bins without it),
            and with ``shift`` where it was measured.
        labels: int64 (images,).
        probabilities: float32 (images, classes).
        ids: a name for each image.
    """

    figures: dict[str, Any]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    ids: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of images whose most probable class is the true one."""
        return float(self.figures["accuracy"])


def evaluate_split(
    model: TrainedModel,
    store: PixelStore,
    *,
    shift_images: int = SHIFT_IMAGES,
    precision: PredictionPrecision = "fp32",
    on_progress: Callable[[int, int], None] | None = None,
    answer: Answer | None = None,
) -> Evaluation:
    """Score a model on the images of a split.

    Args:
        model: the model to score.
        store: pixels in the model's format, labels in the order of the model's classes.
        shift_images: how many images, evenly spread, the shift curve is measured on; 0 for none.
            They are fewer where the network takes long.
        precision: that the network computes in.
        on_progress: called with the number of images done and the number of all.
        answer: asked for probabilities in the model's place.
    """
    probabilities = predict_store(
        model, store, precision=precision, on_progress=on_progress, answer=answer
    )
    figures = score(store.labels, probabilities, model.classes)
    figures["temperature"] = model.temperature
    plain = unscaled(probabilities, model.temperature)
    figures["unscaled"] = asdict(sureness(store.labels, plain))
    figures["unscaled_calibration"] = calibration_bins(store.labels, plain)
    figures["shift"] = []
    if shift_images:
        affordable = SHIFT_FLOPS // max(model.network.plan.total_flops, 1)
        count = min(shift_images, max(affordable, FEWEST_SHIFT_IMAGES), len(store.labels))
        chosen = np.linspace(0, len(store.labels) - 1, count).astype(np.int64)
        figures["shift"] = shift_robustness(
            model, store.take(chosen), store.labels[chosen], precision=precision, answer=answer
        )
        figures["shift_images"] = count
    return Evaluation(figures, store.labels, probabilities, store.ids)
