"""Every layer as ONNX Runtime computes it, against torch, on drawn networks and on the zoo."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from convwise.design import Activation, BlurPool2D, FixedFilters, Plan, plan, zoo
from convwise.design.activation import ACTIVATIONS
from convwise.design.registry import KINDS
from convwise.evaluation.predict import predict_probabilities
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel
from convwise.ship.runtimes import runtime_of
from drawn_networks import Drawing

DRAWN = 60
WRITTEN = (
    "conv 4 3 same | blurpool 3 2 same | fixed sobel | blurpool 2 | global_avgpool | dense classes",
    "conv 4 3 2 same|residual identity (conv 7 3 2 same relu|layernorm)|flatten|norm|dense classes",
    "repeat 2 (residual (conv 6 3 2 same relu|norm)) | layernorm|flatten|dense classes | softmax",
    *(f"conv 5 3 same {name} | global_maxpool | dense classes" for name in ACTIVATIONS),
)
ZOO = ("lenet", "fast", "keras-convnet", "resnet20", "dense", "vgg-small")


def plans() -> dict[str, Plan]:
    drawing = Drawing(seed=23)
    found = {f"drawn{number}": drawing.network() for number in range(DRAWN)}
    found |= {text[:30]: plan(text, (13, 15, 3), 5).require() for text in WRITTEN}
    for name in ZOO:
        entry = zoo.entry(name)
        found[name] = plan(name, entry.image, entry.classes).require()
    return found


PLANS = plans()


def test_the_networks_hold_every_kind_of_layer() -> None:
    kinds = Counter(type(row.layer) for made in PLANS.values() for row in made.rows)
    told = {kind.__name__ for kind in kinds}
    assert told == {kind.__name__ for kind in KINDS} - {"Repeat"}
    assert kinds[BlurPool2D]
    assert kinds[FixedFilters]
    assert kinds[Activation]


@pytest.mark.parametrize("made", PLANS.values(), ids=PLANS)
def test_onnx_runtime_gives_what_torch_gives(made: Plan) -> None:
    generator = torch.Generator().manual_seed(len(made.rows))
    network = build(made, seed=3).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("mean", "beta", "bias")):
                value.copy_(0.3 * torch.randn(value.shape, generator=generator))
            elif name.endswith(("variance", "gamma")):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    channels = made.image[2]
    image = ImageFormat(
        *made.image, mean=(0.4, 0.3, 0.2)[:channels], std=(0.2, 0.3, 0.4)[:channels]
    )
    names = tuple(map(str, range(made.classes)))
    model = TrainedModel(network, image, names, temperature=2.5)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *made.image), dtype=np.uint8)
    wanted = predict_probabilities(model, pixels)
    found = runtime_of(model, "onnxruntime").answer(pixels)
    np.testing.assert_allclose(found, wanted, atol=2e-6, rtol=1e-4)
