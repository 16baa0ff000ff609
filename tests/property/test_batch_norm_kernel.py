"""Batch normalisation against NumPy's longest float, and against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from convwise.kernels import available
from kernel_numbers import (
    BATCHES,
    CHANNELS,
    SEEDS,
    SIDES,
    THREADS,
    TYPES,
    draw,
    threads,
)

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.batch_norm import batch_norm, torch_batch_norm

EPSILON = 1e-3


class Normal:
    """Batch normalisation by its formulas in NumPy's longest float, and the scales of errors.

    Arrays are (rows, channels). ``condition`` is how much larger than rounding an error may be:
    the mean is kept in the kernel's type, so a channel's distance from zero in standard
    deviations counts.
    """

    def __init__(self, x: Tensor, gamma: Tensor, beta: Tensor, g: Tensor) -> None:
        rows, gradient = (long(rowwise(each)) for each in (x, g))
        self.mean, self.variance = rows.mean(axis=0), rows.var(axis=0)
        deviation = np.sqrt(self.variance + EPSILON)
        normal = (rows - self.mean) / deviation
        factor = long(gamma) / deviation
        self.y = normal * long(gamma) + long(beta)
        self.dgamma, self.dbeta = (gradient * normal).sum(axis=0), gradient.sum(axis=0)
        self.dx = factor * (gradient - gradient.mean(axis=0) - normal * self.dgamma / len(rows))
        self.condition = 1 + abs(self.mean) / deviation
        size = abs(normal).max(axis=0)
        self.y_scale = abs(long(gamma)) * size + abs(long(beta))
        self.dx_scale = abs(factor) * abs(gradient).max(axis=0) * (2 + size**2)
        self.dbeta_scale = abs(gradient).sum(axis=0)
        self.dgamma_scale = self.dbeta_scale * (1 + size)


def rowwise(x: Tensor) -> Tensor:
    return x.detach().permute(0, 2, 3, 1).flatten(0, 2)


def assert_within(got: Tensor, right: np.ndarray, allowed: np.ndarray) -> None:
    error = abs(long(got) - right)
    # Below the smallest normal float32, numbers are whole multiples of 2^-149.
    worst = (error / (allowed + 2.0**-126)).max()
    assert worst <= 1


def long(x: Tensor) -> np.ndarray:
    return x.detach().double().numpy().astype(np.longdouble)


@settings(deadline=None, max_examples=400)
@given(
    BATCHES,
    CHANNELS,
    SIDES,
    SIDES,
    TYPES,
    st.booleans(),
    THREADS,
    st.sampled_from([(0.0, 1.0), (1e4, 1.0), (-3.0, 100.0), (1e15, 1e15), (1e-20, 1e-20)]),
    SEEDS,
)
@example(2, 1, 1, 1, torch.float32, True, 5, (0.0, 1.0), 0)
@example(6, 33, 9, 9, torch.bfloat16, True, 5, (1e4, 1.0), 0)
def test_batch_normalisation_errs_by_some_units_in_the_last_place(
    batch: int,
    channels: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    relu: bool,
    number_of_threads: int,
    centre_and_spread: tuple[float, float],
    seed: int,
) -> None:
    batch = max(batch, 2)
    centre, spread = centre_and_spread
    shape = (batch, channels, height, width)
    x = (draw(shape, torch.float64, seed) * spread + centre).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    some = torch.Generator().manual_seed(seed)
    gamma = torch.randn(channels, dtype=computed, generator=some).requires_grad_()
    beta = torch.randn(channels, dtype=computed, generator=some).requires_grad_()
    g = draw(shape, dtype, seed + 1)
    with threads(number_of_threads):
        y, mean, variance = batch_norm(x, gamma, beta, EPSILON, relu)
        y.backward(g)
    # Which values ReLU let through is the kernel's own word, and only there: a value next to
    # zero may round to either side, and its gradient is then there or not.
    right = Normal(x, gamma, beta, torch.where(y > 0, g, 0) if relu else g)
    shown = np.maximum(right.y, 0) if relu else right.y

    unit, fine = torch.finfo(dtype).eps, torch.finfo(computed).eps
    # What is computed in float32 and rounded to bfloat16 at the end has both errors.
    coarse = unit / 2 * (unit > fine) + 8 * fine * right.condition
    assert_within(rowwise(y), shown, coarse * right.y_scale)
    assert x.grad is not None
    assert_within(rowwise(x.grad), right.dx, coarse * right.dx_scale)

    within = 8 * fine * right.condition
    assert gamma.grad is not None
    assert beta.grad is not None
    assert_within(gamma.grad, right.dgamma, within * right.dgamma_scale)
    assert_within(beta.grad, right.dbeta, within * right.dbeta_scale)
    assert_within(mean, right.mean, within * (np.sqrt(right.variance) + abs(right.mean)))
    assert_within(variance, right.variance, within * right.variance)


@settings(deadline=None, max_examples=100)
@given(
    CHANNELS, SIDES, SIDES, TYPES, st.sampled_from([(0.0, 1.0), (1e4, 1.0), (-3.0, 100.0)]), SEEDS
)
@example(1, 7, 8, torch.float32, (-3.0, 100.0), 49)
def test_batch_normalisation_errs_little_more_than_torch(
    channels: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    centre_and_spread: tuple[float, float],
    seed: int,
) -> None:
    centre, spread = centre_and_spread
    shape = (8, channels, height, width)
    x = (draw(shape, torch.float64, seed) * spread + centre).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    gamma, beta = torch.ones(channels, dtype=computed), torch.zeros(channels, dtype=computed)
    right = Normal(x, gamma, beta, x)
    ours, torchs = (
        abs(long(rowwise(each)) - right.y).max()
        for each in (
            batch_norm(x, gamma, beta, EPSILON)[0],
            torch_batch_norm(x, gamma, beta, EPSILON),
        )
    )
    # Torch may by chance be right to the bit.
    rounding = torch.finfo(computed).eps * right.condition * right.y_scale
    assert ours <= 2 * torchs + 3 * rounding.max()


@settings(deadline=None, max_examples=60)
@given(CHANNELS, st.integers(2, 9), TYPES, THREADS, st.sampled_from([1e3, -1e4, 1e6]), SEEDS)
def test_a_first_row_far_from_the_others_costs_no_digits(
    channels: int,
    side: int,
    dtype: torch.dtype,
    number_of_threads: int,
    far: float,
    seed: int,
) -> None:
    x = draw((3, channels, side, side), torch.float64, seed)
    x[0, :, 0, 0] = far
    x = x.to(dtype).contiguous(memory_format=torch.channels_last)
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    gamma, beta = torch.ones(channels, dtype=computed), torch.zeros(channels, dtype=computed)
    right = Normal(x, gamma, beta, x)
    with threads(number_of_threads):
        _, mean, variance = batch_norm(x, gamma, beta, EPSILON)
    # Its square is added to those of all others, and each addition rounds the sum.
    within = 32 * torch.finfo(computed).eps * right.condition
    assert_within(mean, right.mean, within * (np.sqrt(right.variance) + abs(right.mean)))
    assert_within(variance, right.variance, within * right.variance)
