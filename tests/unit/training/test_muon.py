from __future__ import annotations

import math

import pytest
import torch

from convwise.training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8), (1, 9)])
def test_singular_values_come_near_to_one_and_directions_stay(shape: tuple[int, int]) -> None:
    generator = torch.manual_seed(0)
    rank = min(shape)
    left, _ = torch.linalg.qr(torch.randn(shape[0], rank, generator=generator))
    right, _ = torch.linalg.qr(torch.randn(shape[1], rank, generator=generator))
    matrix = left @ torch.diag(torch.linspace(1.0, 3.0, rank)) @ right.T
    found = orthogonalise(matrix, steps=6)
    values = torch.linalg.svdvals(found)
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
    # The nearest orthogonal matrix is the product of the singular directions.
    overlap = float((found * (left @ right.T)).sum()) / rank
    assert overlap == pytest.approx(float(values.mean()), abs=1e-3)


def test_a_gradient_of_zeros_changes_no_direction() -> None:
    assert torch.equal(orthogonalise(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_an_orthogonal_kernel_keeps_its_length_and_takes_a_step() -> None:
    generator = torch.manual_seed(1)
    kernel = torch.nn.Parameter(
        torch.randn(4, 3, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    )
    group = {"lr": 0.1, "momentum": 0.6, "orthogonal": True}
    optimizer = Muon([{"params": [kernel], **group}])
    kernel.grad = torch.randn(4, 3, 3, 3, generator=generator)
    before = kernel.detach().clone()
    optimizer.step()
    scaled = before * math.sqrt(4) / before.norm()
    step = (kernel.detach() - scaled).flatten(1)
    values = torch.linalg.svdvals(step)
    assert float(values.max()) < 0.1 * 1.3
    assert float((step * kernel.grad.flatten(1)).sum()) < 0


def test_weights_without_a_gradient_stay() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    Muon([{"params": [weight], "lr": 1.0, "momentum": 0.9, "orthogonal": False}]).step()
    assert torch.equal(weight.detach(), torch.ones(3))
