from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.dropout import dropout, torch_dropout

TYPES = [torch.float32, torch.float64, torch.bfloat16]
RATES = [0.01, 0.1, 0.25, 0.5, 0.9, 0.99]
# A right generator passes six standard deviations but once in 10^9; the keys here are fixed.
DEVIATIONS = 6


def keys(count: int, seed: int = 0) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(2**64, size=count, dtype=np.uint64)


def dropped(of: NDArray[np.uint64], rate: float, features: int = 4096) -> Tensor:
    """(batch, features), true where a value is dropped."""
    return dropout(torch.ones(len(of), features), of, rate) == 0


def assert_binomial(hits: Tensor, probability: float) -> None:
    count = hits.numel()
    allowed = DEVIATIONS * math.sqrt(count * probability * (1 - probability))
    assert abs(float(hits.sum()) - count * probability) <= allowed


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_the_rate_is_met(rate: float) -> None:
    assert_binomial(dropped(keys(128), rate), rate)


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_each_picture_and_each_place_meets_the_rate(rate: float) -> None:
    mask = dropped(keys(512), rate, 512).double()
    allowed = DEVIATIONS * math.sqrt(rate * (1 - rate) / 512)
    for axis in (0, 1):
        assert (mask.mean(axis) - rate).abs().max() <= allowed


@pytest.mark.parametrize("rate", [0.1, 0.5], ids=str)
@pytest.mark.parametrize("apart", [1, 2, 3, 32, 64, 1024], ids=str)
def test_neighbouring_places_are_independent(apart: int, rate: float) -> None:
    mask = dropped(keys(128), rate)
    assert_binomial(mask[:, apart:] & mask[:, :-apart], rate**2)


@pytest.mark.parametrize("rate", [0.1, 0.5], ids=str)
@pytest.mark.parametrize("bit", [0, 1, 31, 32, 33, 63], ids=str)
def test_keys_that_differ_by_one_bit_give_independent_masks(bit: int, rate: float) -> None:
    some = keys(128)
    mask, other = dropped(some, rate), dropped(some ^ np.uint64(1 << bit), rate)
    assert_binomial(mask & other, rate**2)


def test_small_keys_give_different_masks() -> None:
    mask = dropped(np.arange(64, dtype=np.uint64), 0.5)
    assert len({tuple(each) for each in mask.tolist()}) == 64


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_key_has_one_mask_whatever_the_type(dtype: torch.dtype) -> None:
    mask = dropout(torch.ones(3, 1000, dtype=dtype), keys(3), 0.3) == 0
    assert torch.equal(mask, dropped(keys(3), 0.3, 1000))


def test_a_pictures_mask_depends_on_its_key_alone() -> None:
    whole = dropped(keys(7), 0.3)
    order = [6, 2, 2, 0]
    assert torch.equal(dropped(keys(7)[order], 0.3), whole[order])
    assert torch.equal(dropped(keys(7)[4:5], 0.3), whole[4:5])


def test_a_shorter_picture_has_the_beginning_of_a_longer_ones_mask() -> None:
    assert torch.equal(dropped(keys(3), 0.3, 100), dropped(keys(3), 0.3, 333)[:, :100])


@pytest.mark.parametrize("number_of_threads", [2, 5], ids=str)
def test_the_number_of_threads_changes_no_bit(number_of_threads: int) -> None:
    alone = dropped(keys(7), 0.3)
    before = torch.get_num_threads()
    torch.set_num_threads(number_of_threads)
    try:
        together = dropped(keys(7), 0.3)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(alone, together)


def test_what_torch_has_drawn_before_does_not_matter() -> None:
    first = dropped(keys(3), 0.3)
    torch.rand(5)
    assert torch.equal(dropped(keys(3), 0.3), first)


def test_maps_are_counted_channels_last() -> None:
    x = torch.ones(2, 3, 4, 5)
    maps = dropout(x, keys(2), 0.5)
    assert maps.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(maps.permute(0, 2, 3, 1).flatten(1) == 0, dropped(keys(2), 0.5, 60))
    last = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(dropout(last, keys(2), 0.5), maps)


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_kept_values_are_scaled_up_and_the_mean_stays(dtype: torch.dtype, rate: float) -> None:
    y = dropout(torch.ones(64, 4096, dtype=dtype), keys(64), rate)
    factor = torch.tensor(1 / (1 - rate), dtype=torch.float64)
    single = factor if dtype == torch.float64 else factor.float()
    assert y.unique().tolist() == [0.0, single.to(dtype).item()]
    allowed = DEVIATIONS * math.sqrt(rate / (1 - rate) / y.numel())
    assert abs(y.double().mean() - 1) <= allowed + torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_gradient_has_the_same_mask_and_factor(dtype: torch.dtype) -> None:
    x = torch.ones(5, 3, 7, 9, dtype=dtype, requires_grad=True)
    y = dropout(x, keys(5), 0.4)
    y.backward(torch.ones_like(x))
    assert x.grad is not None
    assert 0 < (y == 0).sum() < y.numel()
    assert torch.equal(x.grad, y)


def test_the_gradient_is_that_of_the_function() -> None:
    x = torch.randn(3, 20, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: dropout(x, keys(3), 0.4), x)


@pytest.mark.parametrize("rate", [0.0, 2.0**-60], ids=["none", "too small to be"])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_rate_of_nothing_returns_what_it_got(dtype: torch.dtype, rate: float) -> None:
    x = torch.tensor([[0.0, -0.0, 1e-40, -3e38, float("inf"), float("nan")]], dtype=dtype)
    y = dropout(x, keys(1), rate)
    torch.testing.assert_close(y, x, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(y.signbit(), x.signbit())


def test_a_rate_just_below_one_drops_everything() -> None:
    # One value in 2^32 would be kept.
    assert dropped(keys(64), 1 - 2.0**-32).all()
    assert dropped(keys(64), 1 - 2.0**-53).all()


def test_what_is_not_finite_stays_so_where_it_is_dropped_as_in_torch() -> None:
    bad = torch.full((1, 1000), float("inf"))
    for y in (dropout(bad, keys(1), 0.5), torch_dropout(bad, 0.5)):
        assert 0 < y.isnan().sum() < 1000
        assert (y.isnan() | y.isinf()).all()
    assert dropout(torch.full((1, 1000), float("nan")), keys(1), 0.5).isnan().all()


def test_torchs_dropout_follows_the_same_law() -> None:
    y = torch_dropout(torch.ones(64, 4096), 0.25)
    assert y.unique().tolist() == dropout(torch.ones(64, 4096), keys(64), 0.25).unique().tolist()
    assert_binomial(y == 0, 0.25)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_fewer_or_more_keys_than_pictures_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} keys for 3 pictures"):
        dropout(torch.ones(3, 5), keys(count), 0.5)


@pytest.mark.parametrize("shape", [(0, 5), (0, 3, 4, 4)], ids=str)
def test_an_empty_batch_stays_empty(shape: tuple[int, ...]) -> None:
    assert dropout(torch.ones(shape), keys(0), 0.5).shape == shape
