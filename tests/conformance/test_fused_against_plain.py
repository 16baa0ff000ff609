"""Fused networks against plain ones: two training steps and a prediction, the whole small zoo."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convwise.design import zoo
from convwise.design.plan import plan
from convwise.kernels import available
from convwise.model.build import ConvNet, build
from convwise.model.modules import Dropout
from convwise.model.modules.raced import Raced

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

LARGEST_SIDE = 64
# Sums in another order round otherwise, and each layer hands the difference on; in float64 a
# network of any depth leaves it far below this, unless something is computed wrongly.
TOLERANCE = 1e-8


def small() -> list[str]:
    return [name for name in zoo.names() if max(zoo.entry(name).image[:2]) <= LARGEST_SIDE]


def network_of(name: str, *, fuse: bool) -> ConvNet:
    entry = zoo.entry(name)
    network = build(plan(name, entry.image, entry.classes), seed=1, fuse=fuse).double()
    for module in network.modules():
        if isinstance(module, Raced) and fuse:
            module.kernel_types = frozenset({torch.float64})
        if isinstance(module, Dropout):
            # The two ways draw different values to drop.
            module.rate = 0.0
    return network


def outcome(network: ConvNet, name: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Return logits after two steps, and all weights and statistics."""
    entry = zoo.entry(name)
    height, width, channels = entry.image
    numbers = torch.Generator().manual_seed(0)
    images = torch.randn(4, channels, height, width, generator=numbers).double()
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(4) % entry.classes
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    network.train()
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        return network(images), copy.deepcopy(network.state_dict())


def test_the_small_zoo_is_not_empty() -> None:
    assert len(small()) >= 8


@pytest.mark.parametrize("name", small())
def test_fused_and_plain_networks_train_and_predict_alike(name: str) -> None:
    (fused, ours), (plain, theirs) = (
        outcome(network_of(name, fuse=fuse), name) for fuse in (True, False)
    )
    assert torch.allclose(fused, plain, rtol=TOLERANCE, atol=TOLERANCE)
    assert list(ours) == list(theirs)
    for key, value in ours.items():
        assert torch.allclose(value, theirs[key], rtol=TOLERANCE, atol=TOLERANCE), key


def trained_in_bfloat16(seed: int) -> dict[str, Tensor]:
    """Return all weights after three fused steps under autocast, dropout included."""
    text = """
conv 16 3 same norm relu
maxpool 2
residual
  conv 16 3 same norm
relu
dropout 0.5
flatten
dense classes
"""
    network = build(plan(text, "12x12x1", 3), seed=seed).train()
    for module in network.modules():
        if isinstance(module, Raced):
            module.kernel_types = frozenset({torch.float32, torch.bfloat16})
    torch.manual_seed(seed)
    images = torch.randn(16, 12, 12, 1).permute(0, 3, 1, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(images)
        F.cross_entropy(logits.float(), torch.arange(16) % 3).backward()
        optimizer.step()
    return network.state_dict()


def test_the_same_seed_gives_the_same_bits_with_fusion() -> None:
    first, again, other = (trained_in_bfloat16(seed) for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.kernel"], other["conv1.kernel"])
