from __future__ import annotations

import pytest
import torch

from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.residual_sum import residual_sum


def test_what_is_below_zero_has_neither_value_nor_gradient() -> None:
    a = torch.tensor([1.0, -3.0, 0.0]).view(1, 3, 1, 1).requires_grad_()
    b = torch.tensor([2.0, 1.0, 0.0]).view(1, 3, 1, 1).requires_grad_()
    y = residual_sum(a, b)
    y.sum().backward()
    assert y.flatten().tolist() == [3.0, 0.0, 0.0]
    for leaf in (a, b):
        assert leaf.grad is not None
        assert leaf.grad.flatten().tolist() == [1.0, 0.0, 0.0]


def test_the_gradients_of_a_tensor_added_to_itself_add_up() -> None:
    a = torch.ones(1, 2, 2, 2, requires_grad=True)
    residual_sum(a, a).sum().backward()
    assert a.grad is not None
    assert (a.grad == 2).all()


def test_any_memory_format_gives_channels_last() -> None:
    a = torch.randn(2, 3, 4, 5)
    y = residual_sum(a, a.contiguous(memory_format=torch.channels_last))
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(y, torch.relu(a + a))


def test_the_gradient_is_that_of_the_function() -> None:
    a, b = (torch.randn(2, 3, 3, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(residual_sum, (a, b))


def test_an_empty_batch_stays_empty() -> None:
    empty = torch.empty(0, 3, 4, 4)
    assert residual_sum(empty, empty).shape == empty.shape
