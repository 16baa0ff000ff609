from __future__ import annotations

import copy
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from convwise.design.plan import plan
from convwise.kernels import available
from convwise.model.build import ConvNet, build
from convwise.model.modules import PooledConvolution

REST = " | conv 6 3 same | flatten | dense classes"
FUSED = [
    "conv 4 3 same relu | maxpool 2",
    "conv 4 5 | maxpool 2",
    "conv 4 2x3 use_bias=false | maxpool 2 | norm | relu",
]
APART = [
    "conv 4 3 same gelu | maxpool 2",
    "conv 4 3 2 same relu | maxpool 2",
    "conv 4 3 same relu | maxpool 3",
    "conv 4 3 same relu | maxpool 2 1",
    "conv 4 3 same relu | maxpool 2 2 same",
    "conv 4 3 same relu | avgpool 2",
    "conv 4 3 same norm relu | maxpool 2",
    "conv 4 3 same dilation_rate=2 | maxpool 2",
]


def network(text: str, image: str = "13x14x3", *, fuse: bool = True) -> ConvNet:
    return build(plan(text + REST, image, 3).require(), seed=1, fuse=fuse)


def both(net: nn.Module) -> PooledConvolution | None:
    found = [each for each in net.modules() if isinstance(each, PooledConvolution)]
    return found[0] if found else None


def by_kernel(net: ConvNet) -> ConvNet:
    cast(PooledConvolution, both(net)).kernel_types = frozenset({torch.float32, torch.bfloat16})
    return net


def pictures(channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 13, 14, channels, generator=generator).permute(0, 3, 1, 2)


@pytest.mark.parametrize("text", FUSED)
def test_a_first_convolution_and_its_pooling_are_one(text: str) -> None:
    assert both(network(text)) is not None
    assert both(network(text, fuse=False)) is None


@pytest.mark.parametrize("text", APART)
def test_what_the_kernel_does_not_compute_stays_two(text: str) -> None:
    assert both(network(text)) is None


def test_names_of_weights_stay() -> None:
    names = list(network(FUSED[0]).state_dict())
    assert names == list(network(FUSED[0], fuse=False).state_dict())


def test_a_copy_knows_its_own_layers() -> None:
    net = network(FUSED[0])
    other = copy.deepcopy(net)
    parts = cast(PooledConvolution, both(other)).parts
    assert parts[0] is other.get_submodule("conv1")
    assert parts[1] is other.get_submodule("pool1")


needs_kernels = pytest.mark.skipif(not available(), reason="kernels need Numba and OpenMP")


@needs_kernels
@pytest.mark.parametrize("text", FUSED)
def test_results_and_gradients_are_those_of_the_plain_network(text: str) -> None:
    ours, plain = by_kernel(network(text)), network(text, fuse=False)
    logits, expected = ours(pictures()), plain(pictures())
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    for result in (logits, expected):
        result.square().sum().backward()
    for (name, weight), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad, rtol=1e-3, atol=1e-4, msg=name)


@needs_kernels
def test_in_bfloat16_the_map_is_handed_on_in_bfloat16() -> None:
    net = by_kernel(network(FUSED[0]))
    seen = []
    net.get_submodule("conv2").register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].dtype)
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = net(pictures())
    assert seen == [torch.bfloat16]
    torch.testing.assert_close(logits.float(), network(FUSED[0])(pictures()), rtol=0.1, atol=0.1)


@needs_kernels
def test_a_picture_whose_gradient_is_asked_for_gets_it() -> None:
    picture = pictures().requires_grad_()
    by_kernel(network(FUSED[0]))(picture).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


@needs_kernels
def test_of_too_small_a_map_torch_says_what_is_wrong() -> None:
    net = by_kernel(network(FUSED[1]))
    with pytest.raises(RuntimeError):
        net(torch.zeros(1, 3, 5, 5))
