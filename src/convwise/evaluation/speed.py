"""How long a trained network takes to answer, where it was trained."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.evaluation.predict import Predictor
from convwise.model.trained import TrainedModel

# A median needs no more, and a slow network is not to be asked for minutes.
MOST_ANSWERS = 20
MOST_SECONDS = 0.2


@dataclass(frozen=True)
class PredictionSpeed:
    """What answers took, decoding of files not counted.

    Args:
        milliseconds: of one image by itself, median.
        batch: images asked about at once for the next figure.
        images_per_second: in such batches, median.
        threads: of torch.
    """

    milliseconds: float
    batch: int
    images_per_second: float
    threads: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def prediction_speed(model: TrainedModel, pixels: NDArray[np.uint8]) -> PredictionSpeed | None:
    """Time a model's answers in fp32 on real images, for at most about half a second.

    Args:
        model: the model to ask.
        pixels: uint8 (images, height, width, channels) in its format; a batch of them is used.

    Returns:
        The figures, or None without an image.
    """
    if not len(pixels):
        return None
    predictor = Predictor(model)
    batch = pixels[: predictor.batch_size]
    return PredictionSpeed(
        milliseconds=1e3 * _seconds(predictor, batch[:1]),
        batch=len(batch),
        images_per_second=len(batch) / _seconds(predictor, batch),
        threads=torch.get_num_threads(),
    )


def _seconds(predictor: Predictor, pixels: NDArray[np.uint8]) -> float:
    """Return the median time of one question, after a first one that is not counted."""
    predictor.logits(pixels)
    taken: list[float] = []
    while len(taken) < MOST_ANSWERS and sum(taken) < MOST_SECONDS:
        began = time.perf_counter()
        predictor.logits(pixels)
        taken.append(time.perf_counter() - began)
    # A coarse clock may see no time pass.
    return max(statistics.median(taken), 1e-9)
