"""How long answers take: the figures, not their size."""

from __future__ import annotations

import time

import numpy as np
import pytest

from convwise.design.plan import plan
from convwise.evaluation.speed import prediction_speed
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel


@pytest.fixture
def model() -> TrainedModel:
    network = build(plan("flatten | dense classes", "4x4x1", 2))
    return TrainedModel(network, ImageFormat(4, 4, 1), ("cat", "dog"))


def test_speed_is_that_of_one_image_and_of_a_batch(model: TrainedModel) -> None:
    speed = prediction_speed(model, np.zeros((300, 4, 4, 1), np.uint8))
    assert speed is not None
    assert speed.batch == 256
    assert speed.milliseconds > 0
    assert set(speed.to_dict()) == {"milliseconds", "batch", "images_per_second", "threads"}


def test_few_images_are_one_batch(model: TrainedModel) -> None:
    speed = prediction_speed(model, np.zeros((3, 4, 4, 1), np.uint8))
    assert speed is not None
    assert speed.batch == 3


def test_without_an_image_there_is_no_speed(model: TrainedModel) -> None:
    assert prediction_speed(model, np.zeros((0, 4, 4, 1), np.uint8)) is None


def test_a_clock_that_stands_still_gives_finite_figures(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    speed = prediction_speed(model, np.zeros((2, 4, 4, 1), np.uint8))
    assert speed is not None
    assert np.isfinite(speed.images_per_second)
