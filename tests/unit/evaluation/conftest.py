from __future__ import annotations

import numpy as np
import pytest

from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel


@pytest.fixture(scope="session")
def model() -> TrainedModel:
    """A network with first weights: its answers are arbitrary, but they differ between images."""
    image_format = ImageFormat(10, 12, 1, mean=(0.5,), std=(0.3,), pad_value=40)
    text = "conv 6 3 same relu | maxpool 2 | conv 8 3 same relu | flatten | dense classes"
    network = build(plan(text, image_format, 3), seed=1)
    return TrainedModel(network.eval(), image_format, ("cat", "dog", "emu"), temperature=0.5)


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (300, 10, 12, 1), dtype=np.uint8)
