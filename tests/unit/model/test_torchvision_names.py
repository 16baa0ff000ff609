"""Weights under torchvision's names compute here what they compute there.

The reference networks below are written for the test, in plain functions of torch, from the public
names and shapes of torchvision's state dicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convwise.design import plan, zoo
from convwise.errors import ModelFileError, OptionError
from convwise.model.build import ConvNet
from convwise.model.torchvision_names import from_torchvision, supported, torchvision_names
from convwise.model.weights import declared_weights

State = dict[str, Tensor]

RESNETS = {"resnet18": ((2, 2, 2, 2), False), "resnet50": ((3, 4, 6, 3), True)}
VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
MOBILENET = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class Draws:
    """A state dict that fills up with random values."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(5)
        self.state: State = {}

    def uniform(self, name: str, size: int, low: float, high: float) -> None:
        drawn = torch.rand(size, generator=self.generator)
        self.state[name] = low + (high - low) * drawn

    def conv(self, name: str, filters: int, channels: int, side: int, bias: bool = False) -> None:
        limit = math.sqrt(6 / (channels * side * side))
        shape = (filters, channels, side, side)
        drawn = torch.rand(shape, generator=self.generator)
        self.state[f"{name}.weight"] = drawn.mul_(2 * limit).sub_(limit)
        if bias:
            self.uniform(f"{name}.bias", filters, -0.1, 0.1)

    def norm(self, name: str, channels: int) -> None:
        # Variances are small, so that another epsilon would show.
        self.uniform(f"{name}.weight", channels, 0.1, 0.3)
        self.uniform(f"{name}.bias", channels, -0.1, 0.1)
        self.uniform(f"{name}.running_mean", channels, -0.1, 0.1)
        self.uniform(f"{name}.running_var", channels, 0.02, 0.1)
        self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def linear(self, name: str, units: int, features: int) -> None:
        self.conv(name, units, features, 1, bias=True)
        self.state[f"{name}.weight"] = self.state[f"{name}.weight"][:, :, 0, 0]


def conv(state: State, name: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    padding = weight.shape[2] // 2
    return F.conv2d(x, weight, state.get(f"{name}.bias"), stride, padding, 1, groups)


def norm(state: State, name: str, x: Tensor) -> Tensor:
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    return F.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"])


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def resnet_state(name: str) -> State:
    blocks, bottleneck = RESNETS[name]
    draws = Draws()
    draws.conv("conv1", 64, 3, 7)
    draws.norm("bn1", 64)
    channels = 64
    for stage, (amount, width) in enumerate(zip(blocks, (64, 128, 256, 512), strict=True), 1):
        wide = 4 * width if bottleneck else width
        for block in range(amount):
            path = f"layer{stage}.{block}"
            if bottleneck:
                kernels = ((width, channels, 1), (width, width, 3), (wide, width, 1))
            else:
                kernels = ((width, channels, 3), (width, width, 3))
            for number, (filters, inputs, side) in enumerate(kernels, 1):
                draws.conv(f"{path}.conv{number}", filters, inputs, side)
                draws.norm(f"{path}.bn{number}", filters)
            if block == 0 and channels != wide:
                draws.conv(f"{path}.downsample.0", wide, channels, 1)
                draws.norm(f"{path}.downsample.1", wide)
            channels = wide
    draws.linear("fc", 1000, channels)
    return draws.state


def resnet_forward(name: str, state: State, x: Tensor) -> Tensor:
    blocks, bottleneck = RESNETS[name]
    x = F.relu(norm(state, "bn1", conv(state, "conv1", x, 2)))
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, amount in enumerate(blocks, 1):
        for block in range(amount):
            path, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner, count = x, 3 if bottleneck else 2
            for number in range(1, count + 1):
                # Version 1.5: the stride stands on the first convolution with a window.
                own = stride if number == (2 if bottleneck else 1) else 1
                inner = conv(state, f"{path}.conv{number}", inner, own)
                inner = norm(state, f"{path}.bn{number}", inner)
                inner = F.relu(inner) if number < count else inner
            if f"{path}.downsample.0.weight" in state:
                shortcut = conv(state, f"{path}.downsample.0", x, stride)
                x = norm(state, f"{path}.downsample.1", shortcut)
            x = F.relu(inner + x)
    return linear(state, "fc", x.mean((2, 3)))


def vgg16_state() -> State:
    draws = Draws()
    channels, place = 3, 0
    for step in VGG16:
        if step != "M":
            draws.conv(f"features.{place}", int(step), channels, 3, bias=True)
            channels = int(step)
        place += 1 if step == "M" else 2
    draws.linear("classifier.0", 4096, 512 * 7 * 7)
    draws.linear("classifier.3", 4096, 4096)
    draws.linear("classifier.6", 1000, 4096)
    return draws.state


def vgg16_forward(state: State, x: Tensor) -> Tensor:
    place = 0
    for step in VGG16:
        x = F.max_pool2d(x, 2) if step == "M" else F.relu(conv(state, f"features.{place}", x))
        place += 1 if step == "M" else 2
    x = F.relu(linear(state, "classifier.0", torch.flatten(x, 1)))
    return linear(state, "classifier.6", F.relu(linear(state, "classifier.3", x)))


def mobilenet_state() -> State:
    draws = Draws()
    draws.conv("features.0.0", 32, 3, 3)
    draws.norm("features.0.1", 32)
    channels, block = 32, 1
    for widening, filters, amount, _ in MOBILENET:
        for _ in range(amount):
            path, wide, place = f"features.{block}.conv", channels * widening, 0
            if widening > 1:
                draws.conv(f"{path}.0.0", wide, channels, 1)
                draws.norm(f"{path}.0.1", wide)
                place = 1
            draws.conv(f"{path}.{place}.0", wide, 1, 3)
            draws.norm(f"{path}.{place}.1", wide)
            draws.conv(f"{path}.{place + 1}", filters, wide, 1)
            draws.norm(f"{path}.{place + 2}", filters)
            channels, block = filters, block + 1
    draws.conv("features.18.0", 1280, 320, 1)
    draws.norm("features.18.1", 1280)
    draws.linear("classifier.1", 1000, 1280)
    return draws.state


def mobilenet_forward(state: State, x: Tensor) -> Tensor:
    x = F.relu6(norm(state, "features.0.1", conv(state, "features.0.0", x, 2)))
    block = 1
    for widening, _, amount, first in MOBILENET:
        for number in range(amount):
            path, place, inner = f"features.{block}.conv", 0, x
            stride = first if number == 0 else 1
            if widening > 1:
                inner = F.relu6(norm(state, f"{path}.0.1", conv(state, f"{path}.0.0", inner)))
                place = 1
            inner = conv(state, f"{path}.{place}.0", inner, stride, groups=inner.shape[1])
            inner = F.relu6(norm(state, f"{path}.{place}.1", inner))
            inner = norm(state, f"{path}.{place + 2}", conv(state, f"{path}.{place + 1}", inner))
            x = x + inner if inner.shape == x.shape else inner
            block += 1
    x = F.relu6(norm(state, "features.18.1", conv(state, "features.18.0", x)))
    return linear(state, "classifier.1", x.mean((2, 3)))


CASES: dict[str, tuple[Callable[[], State], Callable[[State, Tensor], Tensor], int, int]] = {
    # State, reference, image side, and the keys of torchvision's own state dict.
    "resnet18": (
        lambda: resnet_state("resnet18"),
        lambda state, x: resnet_forward("resnet18", state, x),
        64,
        122,
    ),
    "resnet50": (
        lambda: resnet_state("resnet50"),
        lambda state, x: resnet_forward("resnet50", state, x),
        64,
        320,
    ),
    "mobilenetv2": (mobilenet_state, mobilenet_forward, 64, 314),
    # The first dense layer fixes the image's size.
    "vgg16": (vgg16_state, vgg16_forward, 224, 32),
}


def loaded(name: str, side: int, state: State) -> ConvNet:
    with torch.device("meta"):
        network = ConvNet(plan(name, (side, side, 3), 1000))
    network.load_state_dict(from_torchvision(name, state), assign=True)
    return network.eval()


@pytest.mark.parametrize("name", CASES)
def test_weights_of_torchvision_compute_the_same_here(name: str) -> None:
    draw, reference, side, keys = CASES[name]
    state = draw()
    assert len(state) == keys
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = reference(state, images)
        found = loaded(name, side, state)(images)
    assert wanted.std() > 1e-3
    assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()


@pytest.mark.parametrize("name", supported())
def test_each_tensor_of_a_network_has_exactly_one_name_in_torchvision(name: str) -> None:
    names = torchvision_names(name)
    entry = zoo.entry(name)
    declared = declared_weights(plan(entry.network, entry.image, entry.classes))
    assert sorted(names.values()) == sorted(declared)


@pytest.fixture(scope="module")
def resnet18() -> State:
    return resnet_state("resnet18")


def test_counters_of_batches_may_be_absent(resnet18: State) -> None:
    without = {name: value for name, value in resnet18.items() if "num_batches" not in name}
    assert len(without) == 102
    assert set(from_torchvision("resnet18", without)) == set(from_torchvision("resnet18", resnet18))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1.0.bn2.running_var": None}, r"layer1\.0\.bn2\.running_var is missing$"),
        ({"layer5.0.conv1.weight": torch.zeros(1)}, r"layer5\.0\.conv1\.weight belongs to no"),
        ({"layer9.num_batches_tracked": torch.zeros(1)}, "layer9.num_batches_tracked belongs to"),
        ({"fc.weight": torch.zeros(10, 512)}, r"fc\.weight is \[10, 512\] instead of \[1000, 512"),
        ({"fc.bias": [0.0]}, r"fc\.bias is a list instead of a tensor"),
    ],
)
def test_a_misfit_is_named(resnet18: State, change: dict[str, Tensor | None], message: str) -> None:
    changed = {name: value for name, value in (resnet18 | change).items() if value is not None}
    with pytest.raises(ModelFileError, match=message):
        from_torchvision("resnet18", changed)


def test_many_misfits_are_counted(resnet18: State) -> None:
    with pytest.raises(ModelFileError, match=r"not torchvision's resnet50: .* \(and \d+ more\)$"):
        from_torchvision("resnet50", resnet18)


def test_a_network_without_known_names_is_refused() -> None:
    with pytest.raises(OptionError, match="'lenet' has no known torchvision names; use alexnet"):
        from_torchvision("lenet", {})
