"""Convolutions and dense layers: trained, or with filters that are given."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules.types import Activation, Pair, Sides
from convwise.model.modules.weighted import Weighted


def subsample(x: Tensor, strides: Pair) -> Tensor:
    """Keep every ``strides``-th row and column.

    A 1×1 convolution with strides reads nothing else, and is computed on what is kept: torch's own
    (2.13, channels_last, such as 6 → 8 channels) writes beyond its memory in the backward pass.
    """
    return x if strides == (1, 1) else x[:, :, :: strides[0], :: strides[1]]


class Convolution(Weighted):
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

    def weighted_sum(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, filters, height', width')."""
        left, right, top, bottom = self.pad
        padding = (top, left)
        if left != right or top != bottom:
            x, padding = F.pad(x, self.pad), (0, 0)
        x = subsample(x, self.subsampling)
        return F.conv2d(
            x, self.kernel, self.bias, self.strides, padding, self.dilation, self.groups
        )

    def sum_key(self) -> str:
        """Return the shapes."""
        return (
            f"convolution {tuple(self.kernel.shape)} {self.pad} {self.subsampling} {self.strides}"
            f" {self.dilation} {self.groups} {self.bias is not None}"
        )


class SeparableConvolution(Weighted):
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

    def weighted_sum(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, filters, height', width')."""
        x = F.pad(x, self.pad) if any(self.pad) else x
        x = F.conv2d(x, self.depthwise_kernel, None, self.strides, 0, self.dilation, self.channels)
        return F.conv2d(x, self.pointwise_kernel, self.bias)

    def sum_key(self) -> str:
        """Return the shapes."""
        shapes = (tuple(self.depthwise_kernel.shape), tuple(self.pointwise_kernel.shape))
        rest = f"{self.pad} {self.strides} {self.dilation} {self.bias is not None}"
        return f"separable {shapes} {rest}"


class FixedConvolution(Weighted):
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

    def weighted_sum(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, in × filters, height', width')."""
        x = F.pad(x, self.pad) if any(self.pad) else x
        return F.conv2d(x, self.kernel.to(x.dtype), None, self.strides, groups=self.channels)

    def sum_key(self) -> str:
        """Return the shapes."""
        return f"fixed {tuple(self.kernel.shape)} {self.pad} {self.strides}"


class FullyConnected(Weighted):
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

    def weighted_sum(self, x: Tensor) -> Tensor:
        """(batch, features) → (batch, units)."""
        return F.linear(x, self.kernel, self.bias)

    def sum_key(self) -> str:
        """Return the shapes."""
        return f"dense {tuple(self.kernel.shape)} {self.bias is not None}"
