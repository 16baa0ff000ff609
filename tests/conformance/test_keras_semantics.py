"""Layers against Keras 3's definitions, each computed here in numpy, window by window."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf

from convwise.design.plan import plan
from convwise.model.build import ConvNet, build

Array = NDArray[np.float64]


def built(text: str, image: tuple[int, int, int], classes: int = 3) -> ConvNet:
    network = build(plan(text, image, classes).require(), seed=0)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            drawn = torch.randn(value.shape, generator=generator)
            value.copy_(drawn.abs() + 0.5 if name.endswith("variance") else drawn)
    return network.eval()


def images_of(image: tuple[int, int, int], count: int = 3) -> Array:
    """Channels last, as Keras has them; about half of the values are negative."""
    return np.random.default_rng(3).normal(size=(count, *image))


def through(network: ConvNet, name: str, x: Array) -> Array:
    """Run one module; maps go in and come out channels last."""
    tensor = torch.from_numpy(x).float()
    if tensor.ndim == 4:
        tensor = tensor.permute(0, 3, 1, 2)
    with torch.no_grad():
        result = network.get_submodule(name)(tensor)
    return (result.permute(0, 2, 3, 1) if result.ndim == 4 else result).numpy().astype(np.float64)


def numbers(network: ConvNet, name: str) -> Array:
    return network.state_dict()[name].numpy().astype(np.float64)


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    outputs = math.ceil(size / stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def windows(
    x: Array, kernel: int, stride: int, padding: str, dilation: int = 1, fill: float = 0.0
) -> Array:
    """(images, rows, columns, kernel, kernel, channels): what each place of the output sees."""
    if padding == "same":
        pads = [same_pads(size, kernel, stride, dilation) for size in x.shape[1:3]]
        x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    span = (kernel - 1) * dilation + 1
    rows, columns = ((size - span) // stride + 1 for size in x.shape[1:3])
    seen = np.empty((len(x), rows, columns, kernel, kernel, x.shape[3]))
    for row, column in itertools.product(range(rows), range(columns)):
        top, left = row * stride, column * stride
        seen[:, row, column] = x[:, top : top + span : dilation, left : left + span : dilation]
    return seen


def convolved(
    x: Array,
    kernel: Array,
    *,
    stride: int = 1,
    padding: str = "valid",
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    """Keras's convolution with a (filters, inputs, height, width) kernel."""
    filters, inputs = kernel.shape[0] // groups, kernel.shape[1]
    parts = []
    for group in range(groups):
        part = x[..., group * inputs : (group + 1) * inputs]
        chosen = kernel[group * filters : (group + 1) * filters]
        seen = windows(part, kernel.shape[2], stride, padding, dilation)
        parts.append(np.einsum("nrcijk,fkij->nrcf", seen, chosen))
    return np.concatenate(parts, axis=3)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(7, 8), (10, 9)])
def test_a_convolution_is_keras_convolution(
    size: tuple[int, int], kernel: int, stride: int, padding: str
) -> None:
    image = (*size, 3)
    network = built(f"conv 3 {kernel} {stride} {padding} | global_avgpool | dense classes", image)
    x = images_of(image)
    wanted = convolved(x, numbers(network, "conv1.kernel"), stride=stride, padding=padding)
    wanted += numbers(network, "conv1.bias")
    np.testing.assert_allclose(through(network, "conv1", x), wanted, atol=1e-4)


def test_same_padding_with_strides_puts_the_odd_pixel_after() -> None:
    # 4 pixels, window 3, stride 2 need one zero: Keras puts it behind, torch's own would not.
    network = built("conv 1 3 2 same use_bias=false | flatten | dense classes", (4, 4, 1))
    with torch.no_grad():
        network.conv1.kernel.zero_()
        network.conv1.kernel[0, 0, 0, 0] = 1.0
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    assert through(network, "conv1", x)[0, :, :, 0].tolist() == [[0.0, 2.0], [8.0, 10.0]]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_dilation_spreads_the_window(padding: str) -> None:
    image = (9, 8, 3)
    text = f"conv 3 3 1 {padding} dilation_rate=2 | global_avgpool | dense classes"
    network, x = built(text, image), images_of(image)
    wanted = convolved(x, numbers(network, "conv1.kernel"), padding=padding, dilation=2)
    wanted += numbers(network, "conv1.bias")
    np.testing.assert_allclose(through(network, "conv1", x), wanted, atol=1e-4)


def test_groups_see_their_own_channels() -> None:
    image = (6, 6, 3)
    text = "conv 6 3 groups=3 use_bias=false | global_avgpool | dense classes"
    network, x = built(text, image), images_of(image)
    wanted = convolved(x, numbers(network, "conv1.kernel"), groups=3)
    np.testing.assert_allclose(through(network, "conv1", x), wanted, atol=1e-4)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x < 0, 0.2 * x, x),
    "elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
}


def test_every_activation_is_checked_here() -> None:
    from convwise.design.activation import ACTIVATIONS as KNOWN
    from convwise.model.activations import ACTIVATIONS as LOWERED

    assert set(ACTIVATIONS) == set(KNOWN) == set(LOWERED)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_keras_activation(name: str) -> None:
    image = (4, 5, 3)
    network = built(f"{name} | flatten | dense classes", image)
    x = 4 * images_of(image)
    np.testing.assert_allclose(
        through(network, "activation1", x), ACTIVATIONS[name](x), atol=1e-5, rtol=1e-5
    )


POOLS = [
    (size, stride, padding, image)
    for size, stride in ((2, 2), (3, 2), (3, 1), (2, 3), (4, 3))
    for padding in ("same", "valid")
    for image in ((7, 9, 3), (8, 8, 1))
]


@pytest.mark.parametrize(("size", "stride", "padding", "image"), POOLS)
def test_max_pooling_never_lets_padding_win(
    size: int, stride: int, padding: str, image: tuple[int, int, int]
) -> None:
    network = built(f"maxpool {size} {stride} {padding} | flatten | dense classes", image)
    x = images_of(image) - 5.0
    wanted = windows(x, size, stride, padding, fill=-np.inf).max(axis=(3, 4))
    np.testing.assert_allclose(through(network, "pool1", x), wanted, atol=1e-5)


@pytest.mark.parametrize(("size", "stride", "padding", "image"), POOLS)
def test_average_pooling_does_not_count_padding(
    size: int, stride: int, padding: str, image: tuple[int, int, int]
) -> None:
    network = built(f"avgpool {size} {stride} {padding} | flatten | dense classes", image)
    x = images_of(image) + 5.0
    wanted = np.nanmean(windows(x, size, stride, padding, fill=np.nan), axis=(3, 4))
    np.testing.assert_allclose(through(network, "pool1", x), wanted, atol=1e-5)


def test_flatten_runs_through_rows_then_columns_then_channels() -> None:
    network = built("flatten | dense classes", (2, 3, 3))
    x = np.arange(36.0).reshape(2, 2, 3, 3)
    assert through(network, "flatten1", x).tolist() == x.reshape(2, -1).tolist()


def test_global_pools_reduce_rows_and_columns() -> None:
    for word, reduce in (("global_avgpool", np.mean), ("global_maxpool", np.max)):
        for image in ((4, 5, 3), (1, 1, 3)):
            network = built(f"{word} | dense classes", image)
            name = network.plan.rows[0].name
            x = images_of(image)
            np.testing.assert_allclose(through(network, name, x), reduce(x, axis=(1, 2)), atol=1e-6)


def test_zero_padding_adds_zeros_on_the_sides_that_it_names() -> None:
    network = built("zeropad 1,2x0,3 | flatten | dense classes", (2, 2, 1))
    name = network.plan.rows[0].name
    x = images_of((2, 2, 1))
    wanted = np.pad(x, [(0, 0), (1, 2), (0, 3), (0, 0)])
    np.testing.assert_allclose(through(network, name, x), wanted, atol=1e-6)


def test_dense_is_kernel_times_input_plus_bias() -> None:
    network = built("flatten | dense classes", (2, 3, 1))
    x = images_of((2, 3, 1)).reshape(3, -1)
    wanted = x @ numbers(network, "dense1.kernel").T + numbers(network, "dense1.bias")
    np.testing.assert_allclose(through(network, "dense1", x), wanted, atol=1e-5)


@pytest.mark.parametrize("arguments", ["", "momentum=0.9 epsilon=0.1", "scale=false center=false"])
def test_normalisation_in_training_uses_the_batch_and_moves_biased_averages(
    arguments: str,
) -> None:
    image = (3, 4, 3)
    network = built(f"norm {arguments} | flatten | dense classes", image).train()
    layer = network.plan.rows[0].layer
    x = 3 * images_of(image, count=2) + 1
    state = {name: value.numpy().copy() for name, value in network.state_dict().items()}
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    wanted = (x - mean) / np.sqrt(variance + layer.epsilon)
    wanted = wanted * state.get("norm1.gamma", 1.0) + state.get("norm1.beta", 0.0)
    np.testing.assert_allclose(through(network, "norm1", x), wanted, atol=1e-4)
    kept = layer.momentum
    for name, batch in (("norm1.moving_mean", mean), ("norm1.moving_variance", variance)):
        moved = kept * state[name] + (1 - kept) * batch
        np.testing.assert_allclose(numbers(network, name), moved, rtol=1e-5, atol=1e-6)


def test_normalisation_in_inference_uses_the_moving_averages() -> None:
    image = (3, 4, 3)
    network, x = built("norm | flatten | dense classes", image), images_of(image)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wanted = normalised(network, "norm1", x)
    np.testing.assert_allclose(through(network, "norm1", x), wanted, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def normalised(network: ConvNet, prefix: str, x: Array) -> Array:
    mean, variance, gamma, beta = (
        numbers(network, f"{prefix}.{name}")
        for name in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def test_dropout_scales_what_it_keeps_and_does_nothing_in_inference() -> None:
    network = built("dropout 0.25 | flatten | dense classes", (40, 40, 1))
    x = np.ones((2, 40, 40, 1))
    assert (through(network, "dropout1", x) == 1).all()
    torch.manual_seed(0)
    dropped = through(network.train(), "dropout1", x)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 1 / 0.75, rtol=1e-6)
    assert kept.mean() == pytest.approx(0.75, abs=0.05)


def residual(arguments: str, chain: str) -> str:
    return f"residual {arguments}\n  {chain}\nglobal_avgpool\ndense classes"


def ran(network: ConvNet, x: Array) -> Array:
    """What the residual block gives, taken where it leaves its sum."""
    seen: list[torch.Tensor] = []
    handle = network.add1.register_forward_hook(lambda module, args, out: seen.append(out))
    with torch.no_grad():
        network(torch.from_numpy(x).float().permute(0, 3, 1, 2))
    handle.remove()
    return seen[0].permute(0, 2, 3, 1).numpy().astype(np.float64)


def test_a_residual_adds_its_input() -> None:
    image = (5, 5, 3)
    network, x = built(residual("", "conv 3 3 same"), image), images_of(image)
    branch = convolved(x, numbers(network, "conv1.kernel"), padding="same")
    wanted = x + branch + numbers(network, "conv1.bias")
    np.testing.assert_allclose(ran(network, x), wanted, atol=1e-4)


@pytest.mark.parametrize("size", [6, 7])
def test_a_projection_is_a_strided_1x1_convolution_and_a_normalisation(size: int) -> None:
    image = (size, size, 1)
    network, x = built(residual("", "conv 4 3 2 same"), image), images_of(image)
    branch = convolved(x, numbers(network, "conv1.kernel"), stride=2, padding="same")
    shortcut = convolved(x, numbers(network, "add1.projection.kernel"), stride=2)
    wanted = branch + numbers(network, "conv1.bias")
    wanted += normalised(network, "add1.projection", shortcut)
    np.testing.assert_allclose(ran(network, x), wanted, atol=1e-4)


def test_an_identity_shortcut_takes_every_second_pixel_between_channels_of_zeros() -> None:
    image = (7, 7, 1)
    network = built(residual("identity", "conv 4 3 2 same"), image)
    x = images_of(image)
    branch = convolved(x, numbers(network, "conv1.kernel"), stride=2, padding="same")
    shortcut = np.zeros_like(branch)
    shortcut[..., 1:2] = x[:, ::2, ::2]  # three channels of zeros: one before, two after
    wanted = branch + numbers(network, "conv1.bias") + shortcut
    np.testing.assert_allclose(ran(network, x), wanted, atol=1e-4)
