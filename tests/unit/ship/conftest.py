from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel
from convwise.ship import proof

TEXT = """\
conv 6 3 same norm relu
maxpool 2
residual
  conv 8 3 same norm relu
flatten
dense classes softmax
"""
FORMAT = ImageFormat(12, 10, 3, "pad", (0.4, 0.5, 0.3), (0.2, 0.3, 0.25), pad_value=30)
CLASSES = ("ant", "bee", "crab")


@pytest.fixture(scope="session")
def model() -> TrainedModel:
    network = build(plan(TEXT, FORMAT, len(CLASSES)), seed=5)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("mean", "beta", "bias")):
                value.copy_(torch.linspace(-0.3, 0.4, value.numel()))
    return TrainedModel(network.eval(), FORMAT, CLASSES, "small", temperature=1.6)


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (9, *FORMAT.shape), dtype=np.uint8)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures of each class, of a size that is not the model's."""
    folder = tmp_path_factory.mktemp("photos")
    numbers = np.random.default_rng(1)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir()
        for number in range(20):
            colours = numbers.integers(0, 90, (17, 23, 3), dtype=np.uint8)
            colours[..., label] += 140
            Image.fromarray(colours).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(autouse=True)
def _short_timings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "SECONDS", 0.0)
