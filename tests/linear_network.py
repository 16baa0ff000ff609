"""A network in which every value that is looked at counts once: all weights 1, nothing else.

The gradient of one of its values is where that value looks, and how often.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.design import Plan
from convwise.model import modules
from convwise.model.build import ConvNet


class SumPool(nn.Module):
    """The sum of each window, zeros of the padding included."""

    def __init__(self, size: modules.Pair, strides: modules.Pair, pad: modules.Sides) -> None:
        super().__init__()
        self.size, self.strides, self.pad = size, strides, pad

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, self.pad), self.size, self.strides, divisor_override=1)


class Projected(nn.Module):
    """The projection of a shortcut without its normalisation."""

    def __init__(self, projection: modules.ProjectionShortcut) -> None:
        super().__init__()
        self.kernel, self.strides = projection.kernel, projection.strides

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(modules.subsample(x, self.strides), self.kernel)


def linear_network(made: Plan) -> ConvNet:
    """Return the plan's module, float64: kernels of 1, sums for pools, no bias, no function.

    Its dense layers are left out; it ends in what they would get.
    """
    network = ConvNet(made)
    for parent in list(network.modules()):
        for name, module in list(parent.named_children()):
            setattr(parent, name, _linear(module))
    network = network.double().eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.fill_(1.0 if name.endswith("kernel") else 0.0)
    return network


def _linear(module: nn.Module) -> nn.Module:
    if isinstance(module, modules.ProjectionShortcut):
        return Projected(module)
    if isinstance(module, (modules.BatchNorm, modules.LayerNorm, modules.FullyConnected)):
        return nn.Identity()
    if isinstance(module, (modules.MaxPool, modules.AveragePool)):
        return SumPool(module.pool_size, module.strides, module.pad)
    if isinstance(module, modules.BlurPool):
        size = (module.kernel.shape[2], module.kernel.shape[3])
        return SumPool(size, module.strides, module.pad)
    if hasattr(module, "activation"):
        module.activation = None
    return module


def seen_from_image(made: Plan) -> tuple[Tensor, Tensor]:
    """Return an image that records gradients, and the last map of the feature extractor."""
    last = made.extractor[-1].name
    found: list[Tensor] = []
    network = linear_network(made)
    handle = network.get_submodule(last).register_forward_hook(
        lambda module, arguments, output: found.append(output)
    )
    height, width, channels = made.image
    image = torch.ones(1, channels, height, width, dtype=torch.float64, requires_grad=True)
    network(image)
    handle.remove()
    return image, found[0]
