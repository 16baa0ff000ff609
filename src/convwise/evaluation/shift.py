"""What a shift of the picture by a few pixels does to the predictions.

Zhang 2019 ("Making convolutional networks shift-invariant again", section 4) measures how often a
prediction stays the same under shifts. Here the picture moves in the four diagonal and the four
straight directions; what moves in is filled with the format's pad value, nothing wraps around.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.evaluation.predict import Answer, PredictionPrecision, Predictor
from convwise.model.trained import TrainedModel

OFFSETS = (0, 1, 2, 3, 4)
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def shift_images(pixels: NDArray[np.uint8], down: int, right: int, fill: int) -> NDArray[np.uint8]:
    """Move every image; positive is down and right, negative up and left.

    Args:
        pixels: uint8 (images, height, width, channels).
        down: rows.
        right: columns.
        fill: grey level of the pixels that move in.
    """
    moved = np.full_like(pixels, fill)
    height, width = pixels.shape[1:3]
    if abs(down) >= height or abs(right) >= width:
        return moved
    to_rows, from_rows = _overlap(down, height)
    to_columns, from_columns = _overlap(right, width)
    moved[:, to_rows, to_columns] = pixels[:, from_rows, from_columns]
    return moved


def _overlap(offset: int, size: int) -> tuple[slice, slice]:
    if offset >= 0:
        return slice(offset, size), slice(0, size - offset)
    return slice(0, size + offset), slice(-offset, size)


def shift_robustness(
    model: TrainedModel,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    offsets: Sequence[int] = OFFSETS,
    precision: PredictionPrecision = "fp32",
    answer: Answer | None = None,
) -> list[dict[str, Any]]:
    """Measure accuracy and consistency under shifts.

    Args:
        model: the model to ask.
        pixels: uint8 (images, height, width, channels).
        labels: int64 (images,).
        offsets: in pixels; 0 is the unshifted picture.
        precision: that the network computes in.
        answer: asked in the model's place.

    Returns:
        For each offset ``offset``, ``accuracy`` (mean over images and eight directions) and
        ``consistency`` (share of predictions equal to that for the unshifted picture).
    """
    ask = answer or Predictor(model, precision).logits
    unshifted = ask(pixels).argmax(axis=1)
    curve = []
    for offset in offsets:
        directions = DIRECTIONS if offset else ((0, 0),)
        moved = [
            unshifted
            if offset == 0
            else ask(
                shift_images(pixels, down * offset, right * offset, model.image_format.pad_value)
            ).argmax(axis=1)
            for down, right in directions
        ]
        curve.append(
            {
                "offset": int(offset),
                "accuracy": float(np.mean([(each == labels).mean() for each in moved])),
                "consistency": float(np.mean([(each == unshifted).mean() for each in moved])),
            }
        )
    return curve
