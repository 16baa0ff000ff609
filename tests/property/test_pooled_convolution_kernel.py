"""A convolution with the pooling after it, against torch in float64.

On whole numbers all sums are exact, so ties are too: there results and gradients are equal to the
bit. On other numbers they keep a bound.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from convwise.kernels import available
from kernel_numbers import SEEDS, THREADS, threads

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.pooled_convolution import pooled_convolution

# Each is compiled, which takes a second or two: (channels, filters, size, relu, number).
LAYERS = [
    (1, 32, (3, 3), True, torch.bfloat16),
    (1, 32, (3, 3), False, torch.float32),
    (3, 7, (3, 3), True, torch.float32),
    (1, 1, (1, 1), False, torch.bfloat16),
    (3, 17, (2, 2), False, torch.bfloat16),
    (1, 5, (5, 5), True, torch.float32),
    (3, 4, (3, 2), True, torch.bfloat16),
]
Layer = tuple[int, int, tuple[int, int], bool, torch.dtype]
NAN, INF = float("nan"), float("inf")


def exact(x: Tensor, kernel: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    pooled = F.max_pool2d(F.conv2d(x.double(), kernel, bias), 2)
    return F.relu(pooled) if relu else pooled


def pictures(batch: int, channels: int, height: int, width: int) -> Tensor:
    """Room for pictures that lie in memory pixel by pixel."""
    return torch.empty(batch, height, width, channels).permute(0, 3, 1, 2)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(LAYERS),
    st.integers(1, 5),
    st.integers(0, 9),
    st.integers(0, 9),
    st.booleans(),
    THREADS,
    SEEDS,
)
@example(LAYERS[3], 1, 0, 0, True, 5, 0)
@example(LAYERS[0], 3, 8, 9, True, 2, 0)
def test_on_whole_numbers_results_and_gradients_are_exact(
    layer: Layer,
    batch: int,
    more_rows: int,
    more_columns: int,
    with_bias: bool,
    number_of_threads: int,
    seed: int,
) -> None:
    channels, filters, size, relu, number = layer
    generator = torch.Generator().manual_seed(seed)

    def whole(shape: tuple[int, ...], most: int) -> Tensor:
        return torch.randint(-most, most + 1, shape, generator=generator).float()

    height, width = size[0] + 1 + more_rows, size[1] + 1 + more_columns
    x = pictures(batch, channels, height, width).copy_(whole((batch, channels, height, width), 3))
    kernel = whole((filters, channels, *size), 2).requires_grad_()
    bias = whole((filters,), 2).requires_grad_() if with_bias else None
    weights = [kernel] if bias is None else [kernel, bias]
    true_weights = [each.detach().double().requires_grad_() for each in weights]
    true = exact(x, true_weights[0], true_weights[1] if with_bias else None, relu)
    slope = whole(tuple(true.shape), 4)
    expected = torch.autograd.grad(true, true_weights, slope.double())
    with threads(number_of_threads):
        y = pooled_convolution(x, kernel, bias, relu, number)
        found = torch.autograd.grad(y, weights, slope.to(number))
    assert y.dtype == number
    assert torch.equal(y, true.to(number))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.double(), theirs)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(LAYERS), SEEDS)
def test_other_numbers_are_as_exact_as_sums_of_float32(layer: Layer, seed: int) -> None:
    channels, filters, size, relu, number = layer
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3, channels, 12, 13, generator=generator)
    kernel = torch.randn(filters, channels, *size, generator=generator)
    bias = torch.randn(filters, generator=generator)
    y = pooled_convolution(x, kernel, bias, relu, number).double()
    true = exact(x, kernel.double(), bias.double(), relu)
    terms = kernel[0].numel() + 1
    largest = exact(x.abs(), kernel.abs().double(), bias.abs().double(), False)
    bound = terms * 2.0**-24 * largest
    if number == torch.bfloat16:
        bound += 2.0**-8 * (true.abs() + bound) + 2.0**-133
    assert ((y - true).abs() <= bound).all()


@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_what_is_no_number_is_where_torch_has_it(value: float, number: torch.dtype) -> None:
    x = torch.ones(1, 1, 8, 8)
    x[0, 0, 3, 4] = value
    kernel = torch.tensor([[[[1.0, -1.0], [2.0, 0.5]]], [[[1.0, 1.0], [1.0, 1.0]]]])
    for relu in (False, True):
        y = pooled_convolution(x, kernel, None, relu, number)
        true = exact(x, kernel.double(), None, relu).to(number)
        assert torch.equal(y.isnan(), true.isnan())
        assert torch.equal(y.nan_to_num(0.0), true.nan_to_num(0.0))


def test_the_number_of_threads_changes_no_bit() -> None:
    x, kernel = torch.randn(7, 1, 14, 14), torch.randn(32, 1, 3, 3, requires_grad=True)
    found = []
    for count in (1, 2, 3):
        with threads(count):
            y = pooled_convolution(x, kernel, None, True, torch.float32)
            found.append((y.detach(), *torch.autograd.grad(y.square().sum(), [kernel])))
    for values in zip(*found, strict=True):
        assert all(torch.equal(values[0], each) for each in values)
