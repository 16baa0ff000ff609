from __future__ import annotations

import pytest
import torch
from torch import Tensor

from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.max_pool import max_pool, torch_max_pool

TYPES = [torch.float32, torch.float64, torch.bfloat16]
NAN, INF = float("nan"), float("inf")


def window(*values: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """(1, 1, 2, 2)"""
    return torch.tensor(values, dtype=dtype).view(1, 1, 2, 2).requires_grad_()


def winner(values: tuple[float, ...], *, relu: bool = False) -> list[int]:
    x = window(*values)
    max_pool(x, (2, 2), (2, 2), relu).backward(torch.ones(1, 1, 1, 1))
    assert x.grad is not None
    return x.grad.flatten().nonzero().flatten().tolist()


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize(
    ("values", "largest"),
    [
        ((1, 4, 2, 3), 4.0),
        ((-1, -4, -2, -3), -1.0),
        ((-INF, -INF, -INF, -INF), -INF),
        ((1, INF, 2, 3), INF),
        ((1, 3e38, 2, 3), 3e38),
        ((0, 1e-40, 0, -1e-40), 1e-40),
    ],
    ids=["numbers", "negative", "minus infinity", "infinity", "large", "denormal"],
)
def test_the_largest_value_is_kept(
    values: tuple[float, ...], largest: float, dtype: torch.dtype
) -> None:
    y = max_pool(window(*values, dtype=dtype), (2, 2), (2, 2))
    assert y.item() == torch.tensor(largest, dtype=dtype).item()


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("place", range(4), ids=str)
def test_a_nan_anywhere_is_the_result(place: int, dtype: torch.dtype, relu: bool) -> None:
    values = [1.0, INF, -1.0, 2.0]
    values[place] = NAN
    assert max_pool(window(*values, dtype=dtype), (2, 2), (2, 2), relu).isnan().all()


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ((1, 1, 1, 1), 0),
        ((0, 2, 1, 2), 1),
        ((0.0, -0.0, 0.0, -0.0), 0),
        ((-0.0, 0.0, 0.0, 0.0), 0),
        ((-INF, -INF, -INF, -INF), 0),
        ((INF, NAN, 1, NAN), 3),
    ],
    ids=["all tie", "two tie", "zeros", "minus zero first", "minus infinity", "last nan"],
)
def test_the_gradient_goes_where_torch_sends_it(values: tuple[float, ...], place: int) -> None:
    x = window(*values)
    torch_max_pool(x, (2, 2), (2, 2)).backward(torch.ones(1, 1, 1, 1))
    assert x.grad is not None
    assert winner(values) == [place] == x.grad.flatten().nonzero().flatten().tolist()


def test_after_relu_a_maximum_that_is_not_above_zero_has_no_gradient() -> None:
    assert winner((-1, -2, -3, -4), relu=True) == []
    assert winner((0.0, -1, -0.0, -2), relu=True) == []
    assert winner((-1, -2, 1e-40, -4), relu=True) == [2]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_relu_of_minus_zero_is_zero(dtype: torch.dtype) -> None:
    y = max_pool(torch.full((1, 3, 2, 2), -0.0, dtype=dtype), (2, 2), (2, 2), relu=True)
    assert not y.signbit().any()


def test_without_relu_minus_zero_stays() -> None:
    assert max_pool(torch.full((1, 3, 2, 2), -0.0), (2, 2), (2, 2)).signbit().all()


def test_rows_and_columns_that_no_window_covers_have_gradient_zero() -> None:
    x = torch.randn(3, 5, 5, 7).contiguous(memory_format=torch.channels_last).requires_grad_()
    max_pool(x, (2, 2), (2, 2)).sum().backward()
    assert x.grad is not None
    assert not x.grad[:, :, 4:].any()
    assert not x.grad[:, :, :, 6:].any()
    assert x.grad.sum() == 3 * 5 * 2 * 3


def test_any_memory_goes_in_and_channels_last_comes_out() -> None:
    plain = torch.randn(2, 3, 8, 6)
    expected = torch_max_pool(plain, (2, 2), (2, 2))
    every_other = torch.stack([plain, plain], dim=-1).flatten(3)[..., ::2]
    for x in (plain, plain.contiguous(memory_format=torch.channels_last), every_other):
        y = max_pool(x, (2, 2), (2, 2))
        assert torch.equal(y, expected)
        assert y.is_contiguous(memory_format=torch.channels_last)


def test_the_gradient_may_come_in_any_memory() -> None:
    x = torch.randn(2, 3, 4, 6)
    ours, torchs = x.clone().requires_grad_(), x.clone().requires_grad_()
    # Neither sum() nor a plain tensor gives a gradient in channels_last memory.
    for g in (torch.tensor(1.0).expand(2, 3, 2, 3), torch.randn(2, 3, 2, 3)):
        max_pool(ours, (2, 2), (2, 2)).backward(g)
        torch_max_pool(torchs, (2, 2), (2, 2)).backward(g)
    assert ours.grad is not None
    assert torchs.grad is not None
    assert torch.equal(ours.grad, torchs.grad)


def test_the_largest_window_has_255_places() -> None:
    x = torch.randn(2, 5, 30, 17)
    x[0, 0, 14, 16] = 100.0
    ours, torchs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = (
        max_pool(ours, (15, 17), (15, 17)),
        torch_max_pool(torchs, (15, 17), (15, 17)),
    )
    assert torch.equal(y, expected)
    for each in (y, expected):
        each.sum().backward()
    assert ours.grad is not None
    assert torchs.grad is not None
    assert torch.equal(ours.grad, torchs.grad)
    # The last place of all is number 254.
    assert ours.grad[0, 0, 14, 16] == 1


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
@pytest.mark.parametrize(
    ("size", "strides"), [((2, 2), (2, 2)), ((3, 3), (2, 2))], ids=["tiles", "overlaps"]
)
def test_the_gradient_is_that_of_the_function(
    size: tuple[int, int], strides: tuple[int, int], relu: bool
) -> None:
    # Steps of 0.1, none at zero: no small change alters who wins.
    order = torch.randperm(2 * 3 * 5 * 7, generator=torch.Generator().manual_seed(0))
    x = ((order - 104.5) / 10).double().view(2, 3, 5, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: max_pool(x, size, strides, relu), x)


def test_no_pictures_give_no_maxima() -> None:
    assert max_pool(torch.empty(0, 3, 4, 6), (2, 2), (2, 2)).shape == (0, 3, 2, 3)
