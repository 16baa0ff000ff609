"""Dropout: its mask, its gradient, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.kernels import available
from kernel_numbers import (
    BATCHES,
    CHANNELS,
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

from convwise.kernels.dropout import dropout


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
