from __future__ import annotations

import numpy as np
import pytest

from convwise.evaluation.predict import predict_logits
from convwise.evaluation.shift import DIRECTIONS, OFFSETS, shift_images, shift_robustness
from convwise.model.trained import TrainedModel


def rolled(pixels: np.ndarray, down: int, right: int, fill: int) -> np.ndarray:
    """Roll around, then blank what came in from the other side, line by line."""
    moved = np.roll(pixels, (down, right), axis=(1, 2))
    height, width = pixels.shape[1:3]
    for row in range(height):
        if not 0 <= row - down < height:
            moved[:, row] = fill
    for column in range(width):
        if not 0 <= column - right < width:
            moved[:, :, column] = fill
    return moved


@pytest.mark.parametrize("down", [-13, -10, -2, -1, 0, 1, 3, 9, 10, 20])
@pytest.mark.parametrize("right", [-12, -4, 0, 1, 11, 12])
def test_a_shift_moves_and_blanks(pixels: np.ndarray, down: int, right: int) -> None:
    before = pixels[:3].copy()
    found = shift_images(pixels[:3], down, right, 40)
    assert np.array_equal(found, rolled(before, down, right, 40))
    assert np.array_equal(pixels[:3], before)


def test_the_unshifted_picture_agrees_with_itself(model: TrainedModel, pixels: np.ndarray) -> None:
    labels = np.arange(60) % 3
    curve = shift_robustness(model, pixels[:60], labels)
    assert [point["offset"] for point in curve] == list(OFFSETS)
    predicted = predict_logits(model, pixels[:60]).argmax(axis=1)
    assert curve[0]["consistency"] == 1.0
    assert curve[0]["accuracy"] == pytest.approx((predicted == labels).mean())


def test_a_point_is_the_mean_over_eight_directions(model: TrainedModel, pixels: np.ndarray) -> None:
    labels = np.arange(50) % 3
    unshifted = predict_logits(model, pixels[:50]).argmax(axis=1)
    right, same = [], []
    for down, along in DIRECTIONS:
        moved = rolled(pixels[:50], 2 * down, 2 * along, model.image_format.pad_value)
        predicted = predict_logits(model, moved).argmax(axis=1)
        right.append((predicted == labels).mean())
        same.append((predicted == unshifted).mean())
    (point,) = shift_robustness(model, pixels[:50], labels, offsets=(2,))
    assert len(set(DIRECTIONS)) == 8
    assert point["accuracy"] == pytest.approx(np.mean(right))
    assert point["consistency"] == pytest.approx(np.mean(same))
    assert 0 < point["consistency"] < 1
