from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from numba import types

from convwise.kernels.number import as_float, as_stored
from convwise.kernels.parallel import Kernel, array, share

INF = float("inf")


@Kernel
def _widened(number: Any) -> Any:
    wide = types.float64 if number == types.float64 else types.float32

    def run(task: Any) -> None:
        x, y = array(task, 0, number), array(task, 1, wide)
        first, last = share(x.shape[3])
        for place in range(first, last):
            y[0, 0, 0, place] = as_float(x[0, 0, 0, place])

    return run


@Kernel
def _stored(number: Any, wide: Any) -> Any:
    def run(task: Any) -> None:
        x, y = array(task, 0, wide), array(task, 1, number)
        first, last = share(x.shape[3])
        for place in range(first, last):
            y[0, 0, 0, place] = as_stored(x[0, 0, 0, place], y[0, 0, 0, place])

    return run


def widened(x: Tensor) -> Tensor:
    y = torch.empty_like(x, dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)
    _widened(x, y)
    return y


def stored(x: Tensor, dtype: torch.dtype) -> Tensor:
    y = torch.empty_like(x, dtype=dtype)
    _stored(x, y, of=dtype, wide=types.float64 if x.dtype == torch.float64 else types.float32)
    return y


def every_bfloat16() -> Tensor:
    return torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.bfloat16)


def assert_rounds_like_torch(x: Tensor) -> None:
    ours, torchs = stored(x, torch.bfloat16), x.to(torch.bfloat16)
    assert torch.equal(ours.isnan(), x.isnan())
    there = ~x.isnan()
    assert torch.equal(ours[there].view(torch.int16), torchs[there].view(torch.int16))


def test_every_bfloat16_is_widened_to_torchs_bits() -> None:
    x = every_bfloat16()
    assert torch.equal(widened(x).view(torch.int32), x.float().view(torch.int32))


def test_every_bfloat16_comes_back_and_any_nan_comes_back_as_one() -> None:
    x = every_bfloat16()
    back = stored(widened(x), torch.bfloat16)
    number = ~x.isnan()
    assert number.sum() == 2**16 - 2 * 127
    assert torch.equal(back[number].view(torch.int16), x[number].view(torch.int16))
    assert back[~number].isnan().all()


def test_any_bits_of_float32_are_rounded_like_torch() -> None:
    bits = torch.randint(-(2**31), 2**31, (2**18,)).to(torch.int32)
    assert_rounds_like_torch(bits.view(torch.float32))


def test_a_tie_goes_to_the_even_neighbour_and_its_neighbours_to_the_nearer() -> None:
    # Every bfloat16, and half a place more, a bit less and a bit more than half.
    base = every_bfloat16().view(torch.int16).to(torch.int32) << 16
    for tail in (0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF):
        assert_rounds_like_torch((base | tail).view(torch.float32))


def test_what_is_too_large_for_bfloat16_becomes_infinity() -> None:
    largest = torch.finfo(torch.bfloat16).max
    x = torch.tensor([largest, 3.4e38, -3.4e38, INF, -INF])
    assert stored(x, torch.bfloat16).tolist() == [largest, INF, -INF, INF, -INF]


def test_no_nan_becomes_an_infinity_or_a_zero() -> None:
    # These would be carried over to -0, or cut off to infinity.
    bits = torch.tensor([0x7FFFFFFF, -1, 0x7F800001, 0x7FFF8000, 0x7F80FFFF], dtype=torch.int32)
    assert stored(bits.view(torch.float32), torch.bfloat16).isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_other_types_stay_what_they_are(dtype: torch.dtype) -> None:
    integer = torch.int32 if dtype == torch.float32 else torch.int64
    x = torch.tensor([0.0, -0.0, 1e-40, -1.5, 3e38, INF, -INF, float("nan")], dtype=dtype)
    for y in (widened(x), stored(x, dtype)):
        assert y.dtype == dtype
        assert torch.equal(y.view(integer), x.view(integer))


def test_float64_is_stored_as_float32_like_torch() -> None:
    x = torch.randn(4096, dtype=torch.float64) * 10.0 ** torch.randint(-45, 40, (4096,))
    y = stored(x, torch.float32)
    assert torch.equal(y.view(torch.int32), x.float().view(torch.int32))
