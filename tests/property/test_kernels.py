"""Kernels against torch, or against NumPy's longest float, over shapes, values and threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.batch_norm import batch_norm, torch_batch_norm
from convwise.kernels.dropout import dropout
from convwise.kernels.max_pool import max_pool, torch_max_pool

INTEGERS = {
    torch.float32: torch.int32,
    torch.float64: torch.int64,
    torch.bfloat16: torch.int16,
}
SPECIALS = [0.0, -0.0, 1.0, -1.0, 1.0, 1e-40, -1e-40, 3e38, -3e38]
PALETTES = {
    "numbers": None,
    "ties": [-1.0, 0.0, 1.0],
    "specials": SPECIALS,
    "not finite": [*SPECIALS, float("nan"), float("inf"), float("-inf")],
}
# (size, strides): tiles; tiles that are no squares; overlaps; both an overlap and a gap; gaps.
WINDOWS = [
    ((2, 2), (2, 2)),
    ((3, 2), (3, 2)),
    ((3, 3), (2, 2)),
    ((2, 3), (3, 1)),
    ((1, 1), (3, 2)),
]
# One, odd numbers, and one more or less than the vectors of 4, 8, 16 and 32 numbers.
CHANNELS = st.sampled_from([1, 2, 3, 7, 8, 15, 16, 17, 31, 33])
SIDES = st.integers(1, 9)
BATCHES = st.sampled_from([1, 2, 3, 6])
TYPES = st.sampled_from(list(INTEGERS))
THREADS = st.sampled_from([1, 2, 5])
SEEDS = st.integers(0, 2**32 - 1)
EPSILON = 1e-3


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def draw(shape: tuple[int, ...], dtype: torch.dtype, seed: int, palette: str = "numbers") -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = PALETTES[palette]
    if values is None:
        numbers = torch.randn(shape, dtype=torch.float64, generator=generator)
    else:
        places = torch.randint(len(values), shape, generator=generator)
        numbers = torch.tensor(values, dtype=torch.float64)[places]
    return numbers.to(dtype).contiguous(memory_format=torch.channels_last)


def assert_same_bits(ours: Tensor, torchs: Tensor, *, zeros_have_signs: bool) -> None:
    """Any NaN equals any NaN: which bits a processor gives it, is not arithmetic's business."""
    assert ours.dtype == torchs.dtype
    assert ours.shape == torchs.shape
    bits = []
    for each in (ours.detach(), torchs.detach()):
        each = torch.where(each.isnan(), torch.full_like(each, torch.nan), each)
        # -0 + 0 is 0; every other number stays what it is.
        each = each if zeros_have_signs else each + 0.0
        bits.append(each.contiguous().view(INTEGERS[each.dtype]))
    assert torch.equal(*bits)


@settings(deadline=None, max_examples=400)
@given(
    BATCHES,
    CHANNELS,
    SIDES,
    SIDES,
    st.sampled_from(WINDOWS),
    TYPES,
    st.booleans(),
    THREADS,
    st.sampled_from(list(PALETTES)),
    SEEDS,
)
@example(1, 1, 1, 1, ((1, 1), (3, 2)), torch.bfloat16, True, 5, "not finite", 0)
@example(1, 1, 2, 2, ((2, 2), (2, 2)), torch.float32, True, 2, "not finite", 0)
@example(6, 33, 9, 9, ((3, 3), (2, 2)), torch.bfloat16, False, 5, "numbers", 0)
def test_max_pooling_equals_torch_to_the_bit(
    batch: int,
    channels: int,
    height: int,
    width: int,
    window: tuple[tuple[int, int], tuple[int, int]],
    dtype: torch.dtype,
    relu: bool,
    number_of_threads: int,
    palette: str,
    seed: int,
) -> None:
    size, strides = window
    height, width = max(height, size[0]), max(width, size[1])
    x = draw((batch, channels, height, width), dtype, seed, palette)
    ours, torchs = x.clone().requires_grad_(), x.clone().requires_grad_()
    theirs = torch_max_pool(torchs, size, strides, relu)
    g = draw(tuple(theirs.shape), dtype, seed + 1, palette)
    theirs.backward(g)
    with threads(number_of_threads):
        y = max_pool(ours, size, strides, relu)
        y.backward(g)
    # Torch's ReLU may leave -0, and the kernel's never does.
    assert_same_bits(y, theirs, zeros_have_signs=not relu)
    if relu:
        assert not (y.signbit() & (y == 0)).any()
    assert ours.grad is not None
    assert torchs.grad is not None
    # Where windows tile, a gradient of -0 is copied; torch adds it to 0, which gives 0. Where
    # they overlap, both add in the windows' order and round each sum: bfloat16 agrees too.
    assert_same_bits(ours.grad, torchs.grad, zeros_have_signs=size != strides)


@settings(deadline=None, max_examples=100)
@given(BATCHES, CHANNELS, SIDES, SIDES, st.sampled_from(WINDOWS[2:4]), THREADS, SEEDS)
def test_overlapping_gradients_in_bfloat16_err_by_half_a_place_for_each_addition(
    batch: int,
    channels: int,
    height: int,
    width: int,
    window: tuple[tuple[int, int], tuple[int, int]],
    number_of_threads: int,
    seed: int,
) -> None:
    size, strides = window
    shape = (batch, channels, max(height, size[0]), max(width, size[1]))
    x = draw(shape, torch.bfloat16, seed).requires_grad_()
    exact, bound = x.detach().double().requires_grad_(), x.detach().double().requires_grad_()
    with threads(number_of_threads):
        y = max_pool(x, size, strides)
        g = draw(tuple(y.shape), torch.bfloat16, seed + 1)
        y.backward(g)
    torch_max_pool(exact, size, strides).backward(g.double())
    torch_max_pool(bound, size, strides).backward(g.double().abs())
    assert x.grad is not None
    assert exact.grad is not None
    assert bound.grad is not None
    # A pixel lies in this many windows at most. The first number is exact; each further addition
    # rounds by at most 2^-8 of its sum, which is no larger than the sum of magnitudes.
    additions = -(-size[0] // strides[0]) * -(-size[1] // strides[1]) - 1
    allowed = ((1 + 2.0**-8) ** additions - 1) * bound.grad
    assert ((x.grad.double() - exact.grad).abs() <= allowed).all()


class Normal:
    """Batch normalisation by its formulas in NumPy's longest float, and the scales of errors.

    Arrays are (rows, channels). ``condition`` is how much larger than rounding an error may be:
    the mean is kept in the kernel's type, so a channel's distance from zero in standard
    deviations counts; and the variance is a difference of squares from the first row.
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
        self.condition = 1 + abs(self.mean) / deviation + ((rows[0] - self.mean) / deviation) ** 2
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
    # Torch may by chance be right to the bit, and its variance is not taken from the first row.
    rounding = torch.finfo(computed).eps * right.condition * right.y_scale
    assert ours <= 2 * torchs + 3 * rounding.max()


@settings(deadline=None, max_examples=150)
@given(
    BATCHES,
    CHANNELS,
    SIDES,
    SIDES,
    TYPES,
    THREADS,
    st.floats(0.0, 0.99),
    st.sampled_from(["numbers", "specials"]),
    SEEDS,
)
def test_dropout_drops_or_scales_and_its_gradient_likewise(
    batch: int,
    channels: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    number_of_threads: int,
    rate: float,
    palette: str,
    seed: int,
) -> None:
    shape = (batch, channels, height, width)
    x, g = draw(shape, dtype, seed, palette).requires_grad_(), draw(shape, dtype, seed + 1, palette)
    keys = np.random.default_rng(seed).integers(2**64, size=batch, dtype=np.uint64)
    kept = dropout(torch.ones(shape, dtype=dtype), keys, rate) > 0
    with threads(number_of_threads):
        y = dropout(x, keys, rate)
        y.backward(g)
    assert x.grad is not None
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    factor = torch.tensor(1 / (1 - rate), dtype=computed)
    for given_to, got in ((x.detach(), y), (g, x.grad)):
        scaled = (given_to.to(computed) * kept * factor).to(dtype)
        assert_same_bits(got, scaled, zeros_have_signs=True)


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 12), CHANNELS, SIDES, TYPES, THREADS, SEEDS, st.data())
def test_a_pictures_mask_does_not_depend_on_its_batch(
    batch: int,
    channels: int,
    side: int,
    dtype: torch.dtype,
    number_of_threads: int,
    seed: int,
    data: st.DataObject,
) -> None:
    x = torch.ones(batch, channels, side, side, dtype=dtype)
    keys = np.random.default_rng(seed).integers(2**64, size=batch, dtype=np.uint64)
    chosen = data.draw(st.lists(st.integers(0, batch - 1), min_size=1, max_size=batch))
    whole = dropout(x, keys, 0.5)
    with threads(number_of_threads):
        some = dropout(x[chosen], keys[chosen], 0.5)
    assert torch.equal(some, whole[chosen])
