"""Networks with weights set by hand, whose explanations are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel

Weights = Mapping[str, Any]
MakeModel = Callable[..., TrainedModel]


@pytest.fixture(scope="session")
def made() -> MakeModel:
    """Return a maker of models from a notation, with weights by the names of the model file."""

    def make(
        text: str,
        image: str | ImageFormat = "12x12x1",
        classes: tuple[str, ...] = ("cat", "dog"),
        weights: Weights | None = None,
        fuse: bool = True,
    ) -> TrainedModel:
        image_format = ImageFormat.parse(image) if isinstance(image, str) else image
        network = build(plan(text, image_format, len(classes)), seed=3, fuse=fuse).eval()
        state = network.state_dict()
        for name, values in (weights or {}).items():
            wanted = torch.as_tensor(np.asarray(values, np.float32))
            state[name].copy_(wanted.expand_as(state[name]))
        return TrainedModel(network, image_format, classes)

    return make


@pytest.fixture(scope="session")
def squares() -> MakeModel:
    """Return a maker of models whose one filter answers to a bright 3×3 square, and whose class
    ``square`` is the mean of its map."""

    def make(text: str = "conv 1 3 same relu | global_avgpool | dense classes") -> TrainedModel:
        image_format = ImageFormat(12, 12, 1)
        network = build(plan(text, image_format, 2)).eval()
        state = network.state_dict()
        state["conv1.kernel"].fill_(1.0)
        state["conv1.bias"].fill_(-8.0)
        state["dense1.kernel"].copy_(torch.tensor([[0.0], [144.0]]))
        state["dense1.bias"].zero_()
        return TrainedModel(network, image_format, ("nothing", "square"))

    return make
