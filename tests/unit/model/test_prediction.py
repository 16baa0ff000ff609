from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import ConvNet, build
from convwise.model.modules import BatchNorm
from convwise.model.prediction import PredictionNetwork, for_prediction

FORMAT = ImageFormat(9, 8, 3, mean=(0.5, 0.25, 0.125), std=(0.3, 0.2, 0.1))
PIXELS = np.random.default_rng(0).integers(0, 256, (4, *FORMAT.shape), dtype=np.uint8)
END = " | flatten | dense classes"


def trained(text: str, *, negative: bool = False, fuse: bool = True) -> ConvNet:
    """A float64 network whose normalisations have seen something."""
    network = build(plan(text, FORMAT, 3), seed=1, fuse=fuse).double().eval()
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in (module for module in network.modules() if isinstance(module, BatchNorm)):
            norm.moving_mean.normal_(0.0, 0.3, generator=numbers)
            norm.moving_variance.uniform_(0.5, 2.0, generator=numbers)
            if norm.gamma is not None:
                norm.gamma.uniform_(0.1, 2.0, generator=numbers)
                norm.gamma[:2] *= -1 if negative else 1
            if norm.beta is not None:
                norm.beta.normal_(0.0, 0.3, generator=numbers)
    return network


def scaled(pixels: np.ndarray) -> Tensor:
    levels = torch.from_numpy(pixels).double().permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(each).double()[:, None, None] for each in (FORMAT.mean, FORMAT.std))
    return (levels - mean) / std


def asked(ready: PredictionNetwork, pixels: np.ndarray) -> Tensor:
    room = ready.room_for(len(pixels), FORMAT)
    ready.inside(room)[...] = pixels
    with torch.inference_mode():
        return ready(torch.from_numpy(room).permute(0, 3, 1, 2))


def kinds(ready: PredictionNetwork) -> list[str]:
    return [type(step.module).__name__ for step in ready._chain]


SAME = "Convolution Apply FlattenMaps FullyConnected"
CASES = {
    "conv 4 3 norm relu": SAME,
    "conv 4 3 same norm relu": SAME,
    "conv 4 2 same norm relu": SAME,
    "conv 4 3 same dilation_rate=2 norm relu": SAME,
    "conv 6 3 groups=3 norm relu": SAME,
    "depthwise 3 depth_multiplier=2 norm relu": SAME,
    "fixed sobel | norm | relu": SAME,
    "conv 4 3 norm | dropout 0.5 | norm | relu": SAME,
    "norm | conv 4 3 same relu": SAME,
    "dropout 0.2 | norm | norm | conv 4 3 relu": SAME,
    "conv 4 3 relu | norm | conv 4 3 groups=2 relu": "Convolution Apply " + SAME,
    "conv 4 3 relu | avgpool 2 | norm": "Convolution Apply AveragePool FlattenMaps FullyConnected",
    "conv 4 3 | avgpool 2 same | norm | relu": (
        "Convolution AveragePool Apply FlattenMaps FullyConnected"
    ),
    "conv 4 3 | blurpool | norm | relu": "Convolution BlurPool Apply FlattenMaps FullyConnected",
    "conv 4 3 | maxpool 2 same | norm | relu": (
        "Convolution MaxPool Apply FlattenMaps FullyConnected"
    ),
    "conv 4 3 norm relu | maxpool 2": "Convolution MaxPool Apply FlattenMaps FullyConnected",
    "conv 4 3 norm tanh | maxpool 2": "Convolution Apply MaxPool FlattenMaps FullyConnected",
    # Zeros around the map would have to be other values: the step stays.
    "conv 4 3 relu | norm | conv 4 3 same relu": "Convolution Apply Affine " + SAME,
    "conv 4 3 relu | norm | zeropad 1 | conv 4 3 relu": "Convolution Apply Affine Pad " + SAME,
    "zeropad 1 | conv 4 3 relu": "Affine Pad " + SAME,
    "separable 4 3 same norm relu": "Affine SeparableConvolution Apply FlattenMaps FullyConnected",
    "relu | conv 4 3 relu": "Affine Apply " + SAME,
    "layernorm | conv 4 3 relu": "Affine LayerNorm " + SAME,
    "maxpool 2": "MaxPool FlattenMaps FullyConnected",
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_affine_goes_into_its_neighbour(text: str) -> None:
    ready = for_prediction(trained(text + END), FORMAT)
    assert kinds(ready) == CASES[text].split()


BLOCKS = """
conv 4 3 same norm relu
residual
  conv 4 3 same norm relu
  conv 4 3 same norm
relu
residual
  norm
  relu
  conv 8 3 2 same
  norm
relu
residual identity
  relu
  conv 12 3 2 same norm
add
  branch
    conv 12 1 norm relu
  branch
concat
  branch
    conv 4 3 same relu
    norm
  branch
    relu
global_maxpool
dense 8
norm
relu
norm
dense classes
"""


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("text", [*(text + END for text in CASES), BLOCKS], ids=lambda text: text)
def test_the_logits_are_those_of_the_trained_network(text: str, negative: bool, fuse: bool) -> None:
    network = trained(text, negative=negative, fuse=fuse)
    with torch.inference_mode():
        wanted = network(scaled(PIXELS))
    found = asked(for_prediction(network, FORMAT), PIXELS)
    # The border is laid in float32.
    assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-6 * float(wanted.abs().max()))


def test_a_maximum_of_falling_values_keeps_its_normalisation() -> None:
    ready = for_prediction(
        trained("conv 4 3 | maxpool 2 | norm | relu" + END, negative=True), FORMAT
    )
    assert kinds(ready)[:4] == ["Convolution", "MaxPool", "Affine", "Apply"]


def test_what_a_block_takes_in_is_not_changed_in_place() -> None:
    ready = for_prediction(
        trained("conv 4 3\nresidual\n  relu\n  conv 4 3 same\n" + END[3:]), FORMAT
    )
    inner = ready._chain[1].branches[0][0].module
    assert inner.activation is not torch.relu_


def test_the_trained_network_stays_as_it_is() -> None:
    network = trained(BLOCKS).train()
    before = copy.deepcopy(network.state_dict())
    ready = for_prediction(network, FORMAT)
    asked(ready, PIXELS)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        first = asked(ready, PIXELS)
        for weight in network.parameters():
            weight.zero_()
    assert torch.equal(asked(ready, PIXELS), first)


def test_bf16_keeps_the_last_layer_in_fp32() -> None:
    network = trained("conv 8 3 same norm relu | global_avgpool | dense classes").float()
    exact = for_prediction(network, FORMAT)
    coarse = exact.in_bf16()
    found, wanted = asked(coarse, PIXELS), asked(exact, PIXELS)
    assert found.dtype == torch.float32
    assert 0 < float((found - wanted).abs().max()) < 0.05 * float(wanted.abs().max())
    types = {
        type(step.module): each.dtype for step in coarse._chain for each in weights(step.module)
    }
    assert sorted(map(str, types.values())) == ["torch.bfloat16", "torch.float32"]
    assert {each.dtype for each in weights(exact)} == {torch.float32}


def weights(module: nn.Module) -> list[Tensor]:
    return list(module.parameters())
