from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from convwise.kernels import available

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels.batch_norm import batch_norm, torch_batch_norm

TYPES = [torch.float32, torch.float64, torch.bfloat16]
EPSILON = 1e-3


def numbers(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def parameters(channels: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    gamma, beta = torch.linspace(0.5, 2, channels), torch.linspace(-1, 1, channels)
    return gamma.to(computed), beta.to(computed)


def normalised(x: Tensor, *, relu: bool = False) -> tuple[Tensor, Tensor]:
    """The result, and the input's gradient where the result's is ``x`` itself."""
    leaf = x.clone().requires_grad_()
    y = batch_norm(leaf, *parameters(x.shape[1], x.dtype), EPSILON, relu)[0]
    y.backward(x.nan_to_num(0.0, 0.0, 0.0))
    assert leaf.grad is not None
    return y.detach(), leaf.grad


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_results_and_gradients_agree_with_torch(dtype: torch.dtype, relu: bool) -> None:
    x, g = numbers(4, 17, 5, 3, dtype=dtype), numbers(4, 17, 5, 3, dtype=dtype, seed=1)
    leaves = []
    results = []
    for function in (batch_norm, torch_batch_norm):
        leaf = [each.clone().requires_grad_() for each in (x, *parameters(17, dtype))]
        got = function(leaf[0], leaf[1], leaf[2], EPSILON, relu)
        y = got if isinstance(got, Tensor) else got[0]
        y.backward(g)
        results.append(y)
        leaves.append([each.grad for each in leaf])
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*leaves, rtol=1.6e-2 if dtype == torch.bfloat16 else 1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_mean_and_biased_variance_are_the_batchs(dtype: torch.dtype) -> None:
    x = numbers(4, 7, 5, 3, dtype=dtype)
    _, mean, variance = batch_norm(x, *parameters(7, dtype), EPSILON)
    assert mean.dtype == variance.dtype == parameters(7, dtype)[0].dtype
    exact = x.double()
    torch.testing.assert_close(mean.double(), exact.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        variance.double(), exact.var((0, 2, 3), correction=0), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize("row", [0, 13], ids=["first row", "later row"])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_channel_that_is_not_finite_leaves_the_others_alone(
    row: int, bad: float, dtype: torch.dtype, relu: bool
) -> None:
    x = numbers(4, 17, 5, 3, dtype=dtype)
    fine = normalised(x, relu=relu)
    x.permute(0, 2, 3, 1).flatten(0, 2)[row, 9] = bad
    spoilt = normalised(x, relu=relu)
    others = [channel for channel in range(17) if channel != 9]
    for before, after in zip(fine, spoilt, strict=True):
        assert torch.equal(before[:, others], after[:, others])
    y, dx = (each[:, 9] for each in spoilt)
    # As in torch: the mean is not a number, so nothing in the channel is one.
    assert torch_batch_norm(x, *parameters(17, dtype), EPSILON)[:, 9].isnan().all()
    assert y.isnan().all()
    assert dx.isnan().all()


def test_an_infinity_gives_no_warning() -> None:
    x = numbers(4, 3, 2, 2)
    x[1, 1, 0, 0] = float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch_norm(x, *parameters(3), EPSILON)


def test_mean_and_variance_do_not_ask_for_gradients() -> None:
    _, mean, variance = batch_norm(numbers(4, 3, 2, 2).requires_grad_(), *parameters(3), EPSILON)
    assert not mean.requires_grad
    assert not variance.requires_grad


def test_a_channel_far_from_zero_keeps_its_accuracy() -> None:
    x = numbers(16, 5, 16, 16) + 1e4
    y, mean, variance = batch_norm(x, torch.ones(5), torch.zeros(5), EPSILON)
    exact = x.double()
    right = torch_batch_norm(exact, torch.ones(5).double(), torch.zeros(5).double(), EPSILON)
    # The mean is a float32, of which those near 10,000 are 2^-10 apart.
    assert (mean - exact.mean((0, 2, 3))).abs().max() <= 2.0**-11
    assert (y - right).abs().max() <= 2.0**-11 + 1e-5
    torch.testing.assert_close(
        variance.double(), exact.var((0, 2, 3), correction=0), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize("distance", [30.0, 1e3], ids=str)
def test_a_first_row_that_is_an_outlier_costs_some_digits_but_not_the_variance(
    distance: float,
) -> None:
    # The squares are taken from the first row, so its distance is what they can cancel by.
    x = numbers(64, 3, 16, 16)
    x[0, :, 0, 0] = distance
    variance = batch_norm(x, torch.ones(3), torch.zeros(3), EPSILON)[2].double()
    exact = x.double().var((0, 2, 3), correction=0)
    errors = (variance - exact).abs() / exact
    assert errors.max() <= 2.0**-23 * 8 * (1 + distance**2 / exact.min())


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("value", [0.0, -3.0, 0.1, 1e4, 1e30], ids=str)
def test_a_constant_channel_gives_beta(value: float, dtype: torch.dtype, relu: bool) -> None:
    gamma, beta = parameters(3, dtype)
    y, mean, variance = batch_norm(
        torch.full((5, 3, 7, 7), value, dtype=dtype), gamma, beta, EPSILON, relu
    )
    expected = (beta.relu() if relu else beta).to(dtype).view(1, 3, 1, 1)
    assert torch.equal(y, expected.expand_as(y))
    assert torch.equal(mean, torch.full_like(mean, torch.tensor(value, dtype=dtype).item()))
    assert not variance.any()


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("number_of_threads", [2, 5], ids=str)
def test_the_number_of_threads_changes_no_bit(
    number_of_threads: int, dtype: torch.dtype, relu: bool
) -> None:
    x = numbers(7, 33, 5, 3, dtype=dtype)
    alone = normalised(x, relu=relu)
    before = torch.get_num_threads()
    torch.set_num_threads(number_of_threads)
    try:
        together = normalised(x, relu=relu)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)


def test_any_memory_goes_in_and_channels_last_comes_out() -> None:
    x = numbers(3, 5, 4, 6)
    expected = normalised(x)
    for other in (x.contiguous(), x.flip(3).contiguous().flip(3)):
        for one, two in zip(normalised(other), expected, strict=True):
            assert torch.equal(one, two)
    assert expected[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
def test_the_gradient_is_that_of_the_function(relu: bool) -> None:
    x = numbers(3, 3, 2, 3, dtype=torch.float64).requires_grad_()
    gamma, beta = (each.requires_grad_() for each in parameters(3, torch.float64))
    # The numeric derivative steps by 1e-6: no value may be as near to ReLU's corner as that.
    assert batch_norm(x, gamma, beta, EPSILON)[0].abs().min() > 1e-3
    assert torch.autograd.gradcheck(lambda *of: batch_norm(*of, EPSILON, relu)[0], (x, gamma, beta))


def test_no_values_have_no_mean() -> None:
    with pytest.raises(ValueError, match=r"\(0, 3, 4, 4\) has no values"):
        batch_norm(torch.empty(0, 3, 4, 4), torch.ones(3), torch.zeros(3), EPSILON)
