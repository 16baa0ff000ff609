from __future__ import annotations

import numpy as np
import pytest

from convwise.errors import DataError
from convwise.evaluation.predict import (
    LARGEST_BATCH,
    predict_logits,
    predict_probabilities,
    softmax,
)
from convwise.model.trained import TrainedModel


def test_an_answer_does_not_depend_on_the_images_beside_it(
    model: TrainedModel, pixels: np.ndarray
) -> None:
    together = predict_probabilities(model, pixels)
    alone = np.concatenate([predict_probabilities(model, pixels[i : i + 1]) for i in range(40)])
    np.testing.assert_allclose(alone, together[:40], atol=1e-5)
    turned = predict_probabilities(model, pixels[::-1])[::-1]
    np.testing.assert_allclose(turned, together, atol=1e-5)
    assert len(pixels) > LARGEST_BATCH


def test_probabilities_are_the_softmax_of_logits_over_the_temperature(
    model: TrainedModel, pixels: np.ndarray
) -> None:
    logits = predict_logits(model, pixels[:5]).astype(np.float64)
    powers = np.exp(logits / 0.5)
    wanted = powers / powers.sum(axis=1, keepdims=True)
    found = predict_probabilities(model, pixels[:5])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_softmax_survives_huge_logits() -> None:
    found = softmax(np.array([[1e30, -1e30, 0.0], [-1e30, -1e30, -1e30]], np.float32))
    np.testing.assert_allclose(found, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])


def test_asking_leaves_a_network_in_the_mode_that_it_was_in(
    model: TrainedModel, pixels: np.ndarray
) -> None:
    for training in (True, False):
        model.network.train(training)
        predict_logits(model, pixels[:2])
        assert model.network.training is training
    model.network.eval()


def test_progress_is_told_up_to_the_end(model: TrainedModel, pixels: np.ndarray) -> None:
    told: list[tuple[int, int]] = []
    predict_logits(model, pixels, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(256, 300), (300, 300)]


def test_no_images_give_no_answers(model: TrainedModel, pixels: np.ndarray) -> None:
    assert predict_probabilities(model, pixels[:0]).shape == (0, 3)


def test_images_of_another_size_are_refused(model: TrainedModel) -> None:
    with pytest.raises(DataError, match="10, 12, 1"):
        predict_logits(model, np.zeros((1, 12, 10, 1), np.uint8))
    assert not model.network.training
