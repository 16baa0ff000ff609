"""The sum of a residual block with its ReLU, against torch: equal to the bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
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

from convwise.kernels.residual_sum import residual_sum, torch_residual_sum


@settings(deadline=None, max_examples=200)
@given(BATCHES, CHANNELS, SIDES, SIDES, TYPES, THREADS, st.sampled_from(list(PALETTES)), SEEDS)
def test_a_residual_sum_equals_torchs_to_the_bit(
    batch: int,
    channels: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    number_of_threads: int,
    palette: str,
    seed: int,
) -> None:
    shape = (batch, channels, height, width)
    a, b, g = (draw(shape, dtype, seed + number, palette) for number in range(3))
    results = []
    for function in (residual_sum, torch_residual_sum):
        one, two = (each.clone().requires_grad_() for each in (a, b))
        with threads(number_of_threads):
            y = function(one, two)
            y.backward(g)
        results.append((y, one.grad, two.grad))
    (y, ours_a, ours_b), (expected, torchs_a, torchs_b) = results
    # Torch's ReLU may leave -0, and the kernel's never does.
    assert_same_bits(y, expected, zeros_have_signs=False)
    assert not (y.signbit() & (y == 0)).any()
    for ours, torchs in ((ours_a, torchs_a), (ours_b, torchs_b)):
        assert ours is not None
        assert torchs is not None
        assert_same_bits(ours, torchs, zeros_have_signs=False)
