"""Convolutions and dense layers: trained, or with filters that are given."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules.types import Activation, Pair, Sides


def subsample(x: Tensor, strides: Pair) -> Tensor:
    """Keep every ``strides``-th row and column.

    A 1×1 convolution with strides reads nothing else, and is computed on what is kept: torch's own
    (2.13, channels_last, such as 6 → 8 channels) writes beyond its memory in the backward pass.
    """
    return x if strides == (1, 1) else x[:, :, :: strides[0], :: strides[1]]


class Convolution(nn.Module):
    """2-D convolution with explicit padding, then an optional activation.

    Args:
        kernel_shape: (filters, input channels / groups, kernel height, kernel width).
        pad: zeros added (left, right, top, bottom); opposite sides may differ, as in Keras's
            ``same``.
        use_bias: whether a bias is added.
        strides, dilation, groups: as in Keras.
        activation: applied to the sum, or None.
    """

    def __init__(
        self,
        kernel_shape: tuple[int, int, int, int],
        *,
        pad: Sides = (0, 0, 0, 0),
        strides: Pair = (1, 1),
        dilation: Pair = (1, 1),
        groups: int = 1,
        use_bias: bool = True,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(kernel_shape))
        self.bias = nn.Parameter(torch.empty(kernel_shape[0])) if use_bias else None
        pointwise = kernel_shape[2:] == (1, 1)
        self.subsampling, self.strides = (strides, (1, 1)) if pointwise else ((1, 1), strides)
        self.dilation, self.groups = dilation, groups
        self.activation = activation
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, filters, height', width')."""
        left, right, top, bottom = self.pad
        padding = (top, left)
        if left != right or top != bottom:
            x, padding = F.pad(x, self.pad), (0, 0)
        x = subsample(x, self.subsampling)
        x = F.conv2d(x, self.kernel, self.bias, self.strides, padding, self.dilation, self.groups)
        return x if self.activation is None else self.activation(x)


class SeparableConvolution(nn.Module):
    """A depthwise convolution, then a 1×1 convolution, then an optional activation.

    Args:
        depthwise_shape: (input channels × multiplier, 1, kernel height, kernel width).
        filters: channels of the output.
        pad, strides, dilation, use_bias, activation: as in :class:`Convolution`.
    """

    def __init__(
        self,
        depthwise_shape: tuple[int, int, int, int],
        filters: int,
        *,
        channels: int,
        pad: Sides = (0, 0, 0, 0),
        strides: Pair = (1, 1),
        dilation: Pair = (1, 1),
        use_bias: bool = True,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        self.depthwise_kernel = nn.Parameter(torch.empty(depthwise_shape))
        self.pointwise_kernel = nn.Parameter(torch.empty(filters, depthwise_shape[0], 1, 1))
        self.bias = nn.Parameter(torch.empty(filters)) if use_bias else None
        self.channels, self.pad = channels, pad
        self.strides, self.dilation, self.activation = strides, dilation, activation

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, filters, height', width')."""
        x = F.pad(x, self.pad) if any(self.pad) else x
        x = F.conv2d(x, self.depthwise_kernel, None, self.strides, 0, self.dilation, self.channels)
        x = F.conv2d(x, self.pointwise_kernel, self.bias)
        return x if self.activation is None else self.activation(x)


class FixedConvolution(nn.Module):
    """Filters that are given, each over each channel, then an optional activation.

    Args:
        filters: (filters, kernel height, kernel width).
        channels: channels of the input.
        pad, strides, activation: as in :class:`Convolution`.
    """

    kernel: Tensor

    def __init__(
        self,
        filters: Tensor,
        channels: int,
        *,
        pad: Sides = (0, 0, 0, 0),
        strides: Pair = (1, 1),
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("kernel", filters.repeat(channels, 1, 1)[:, None])
        self.channels, self.pad = channels, pad
        self.strides, self.activation = strides, activation

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, in × filters, height', width')."""
        x = F.pad(x, self.pad) if any(self.pad) else x
        x = F.conv2d(x, self.kernel.to(x.dtype), None, self.strides, groups=self.channels)
        return x if self.activation is None else self.activation(x)


class FullyConnected(nn.Module):
    """Every output sees every input: ``activation(x @ kernelᵀ + bias)``.

    Args:
        kernel_shape: (units, input features).
        use_bias: whether a bias is added.
        activation: applied to the sum, or None.
    """

    def __init__(
        self,
        kernel_shape: tuple[int, int],
        *,
        use_bias: bool = True,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(kernel_shape))
        self.bias = nn.Parameter(torch.empty(kernel_shape[0])) if use_bias else None
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(batch, features) → (batch, units)."""
        x = F.linear(x, self.kernel, self.bias)
        return x if self.activation is None else self.activation(x)
