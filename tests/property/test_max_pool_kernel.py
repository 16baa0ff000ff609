"""Max-pooling against torch, over shapes, values and threads: equal to the bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convwise.kernels import available
from kernel_numbers import (
    BATCHES,
    CHANNELS,
    PALETTES,
    SEEDS,
    SIDES,
    THREADS,
    TYPES,
    assert_same_bits,
    draw,
    threads,
)

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.max_pool import max_pool, torch_max_pool

# (size, strides): tiles; tiles that are no squares; overlaps; both an overlap and a gap; gaps.
WINDOWS = [
    ((2, 2), (2, 2)),
    ((3, 2), (3, 2)),
    ((3, 3), (2, 2)),
    ((2, 3), (3, 1)),
    ((1, 1), (3, 2)),
]


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
