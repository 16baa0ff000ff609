"""Per-channel affine steps, ``scale · x + shift``, and how other layers take them up.

A trained batch normalisation is such a step, and so is the scaling of pixels. Beside a layer of
weighted sums it costs nothing: its factors go into the weights (Jacob et al. 2018, section 3.2).
All new weights are computed in float64 and rounded once.

- After a weighted sum: ``scale · (K x + b) + shift = (scale · K) x + (scale · b + shift)``.
- Before one without padding: ``K (scale · x + shift) + b = (K · scale) x + (b + Σ K · shift)``.
  Zeros around the map would have to be ``-shift / scale`` then, so there it is not done.
- Past a mean it commutes. Past a maximum it commutes where no scale is negative.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from convwise.model.modules import (
    AveragePool,
    BatchNorm,
    BlurPool,
    Convolution,
    FixedConvolution,
    FlattenMaps,
    FullyConnected,
    GlobalAverage,
    GlobalMax,
    MaxPool,
    ProjectionShortcut,
    SeparableConvolution,
)


class Affine(nn.Module):
    """``scale · x + shift`` for each channel, or feature.

    Args:
        scale, shift: float64 (channels,).
        number: the type in which it computes.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor, number: torch.dtype = torch.float32) -> None:
        super().__init__()
        # Kept unrounded beside: a fold may follow.
        self.exact = (scale, shift)
        self.register_buffer("scale", scale.to(number))
        self.register_buffer("shift", shift.to(number))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out; channels are dimension 1."""
        shape = (-1, *(1,) * (x.ndim - 2))
        return torch.addcmul(self.shift.view(shape), x, self.scale.view(shape))


def affine_of(norm: BatchNorm) -> Affine:
    """Return what a batch normalisation computes once it is trained, its activation aside."""
    mean, variance = norm.moving_mean.double(), norm.moving_variance.double()
    scale = 1.0 / torch.sqrt(variance + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * norm.gamma.detach().double()
    shift = -scale * mean
    if norm.beta is not None:
        shift = shift + norm.beta.detach().double()
    return Affine(scale, shift, norm.moving_mean.dtype)


def convolution_of(module: FixedConvolution | ProjectionShortcut) -> Convolution:
    """Return the plain convolution that given filters or a projection are, activation aside."""
    shape = module.kernel.shape
    if isinstance(module, FixedConvolution):
        made = Convolution(
            (shape[0], shape[1], shape[2], shape[3]),
            pad=module.pad,
            strides=module.strides,
            groups=module.channels,
            use_bias=False,
        )
    else:
        made = Convolution(
            (shape[0], shape[1], shape[2], shape[3]), strides=module.strides, use_bias=False
        )
    made.kernel = _weight(module.kernel.double(), module.kernel)
    return made


def commutes(module: nn.Module, affine: Affine) -> bool:
    """Return whether the affine step may change places with a layer that has no activation."""
    if isinstance(module, AveragePool | GlobalAverage | BlurPool | FlattenMaps):
        return True
    return isinstance(module, MaxPool | GlobalMax) and bool((affine.exact[0] >= 0).all())


def with_affine_after(module: nn.Module, affine: Affine) -> nn.Module | None:
    """Return the one layer that computes ``module`` and then ``affine``, or None."""
    scale, shift = affine.exact
    if isinstance(module, Affine):
        first, then = module.exact
        if len(first) != len(scale):
            return None
        return Affine(scale * first, scale * then + shift, affine.scale.dtype)
    if not isinstance(module, Convolution | FullyConnected | SeparableConvolution):
        return None
    name = _last_kernel(module)
    kernel = cast(Tensor, getattr(module, name))
    if len(kernel) != len(scale):
        return None
    made = copy.deepcopy(module)
    bias = 0.0 if module.bias is None else module.bias.double()
    setattr(made, name, _weight(kernel.double() * _along(scale, kernel, 0), kernel))
    made.bias = _weight(scale * bias + shift, kernel)
    return made


def with_affine_before(module: nn.Module, affine: Affine) -> nn.Module | None:
    """Return the one layer that computes ``affine`` and then ``module``, or None."""
    if isinstance(module, FullyConnected):
        return _dense_after(module, affine)
    if isinstance(module, Convolution) and not any(module.pad):
        return _convolution_after(module, affine)
    return None


def _dense_after(module: FullyConnected, affine: Affine) -> FullyConnected:
    made, kernel = copy.deepcopy(module), module.kernel
    # A map that was flattened has its channels over and over, once for each place.
    places = kernel.shape[1] // len(affine.exact[0])
    scale, shift = (each.repeat(places) for each in affine.exact)
    made.kernel = _weight(kernel.double() * scale, kernel)
    made.bias = _weight(_bias(module) + kernel.double() @ shift, kernel)
    return made


def _convolution_after(module: Convolution, affine: Affine) -> Convolution:
    made, kernel = copy.deepcopy(module), module.kernel
    filters, width = kernel.shape[:2]
    # Which input channel each filter's slice of the kernel belongs to.
    group = torch.arange(filters) // (filters // module.groups)
    channel = group[:, None] * width + torch.arange(width)
    scale, shift = (each[channel][:, :, None, None] for each in affine.exact)
    made.kernel = _weight(kernel.double() * scale, kernel)
    made.bias = _weight(_bias(module) + (kernel.double() * shift).sum(dim=(1, 2, 3)), kernel)
    return made


def _last_kernel(module: nn.Module) -> str:
    return "pointwise_kernel" if isinstance(module, SeparableConvolution) else "kernel"


def _bias(module: Convolution | FullyConnected) -> Tensor:
    return module.kernel.new_zeros(()).double() if module.bias is None else module.bias.double()


def _along(values: Tensor, like: Tensor, dimension: int) -> Tensor:
    shape = [1] * like.ndim
    shape[dimension] = -1
    return values.view(shape)


def _weight(values: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().to(like.dtype), requires_grad=False)
