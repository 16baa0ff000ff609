"""The torch modules that layers become.

Tensors are (batch, channels, height, width) in ``channels_last`` memory. Parameters carry Keras's
names (``kernel``, ``bias``, ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``), which are
also the names in the model file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]
Activation = Callable[[Tensor], Tensor]


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
        left, right, top, bottom = pad
        self._even = left == right and top == bottom
        self._pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, filters, height', width')."""
        padding = (self._pad[2], self._pad[0]) if self._even else (0, 0)
        if not self._even:
            x = F.pad(x, self._pad)
        x = subsample(x, self.subsampling)
        x = F.conv2d(x, self.kernel, self.bias, self.strides, padding, self.dilation, self.groups)
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


class BatchNorm(nn.Module):
    """Batch normalisation with Keras's momentum and its biased moving variance.

    Ioffe and Szegedy 2015, algorithm 1. Keras keeps ``momentum`` of the old statistics and adds
    the batch's *biased* variance; torch adds the unbiased one, which is corrected here.

    Attributes:
        momentum_limit: an upper bound of the momentum, which a training may lower in its first
            steps so that the moving statistics do not start from values that mean nothing.
    """

    gamma: nn.Parameter | None
    beta: nn.Parameter | None
    moving_mean: Tensor
    moving_variance: Tensor

    def __init__(
        self, channels: int, *, momentum: float, epsilon: float, scale: bool, center: bool
    ) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels)) if scale else None
        self.beta = nn.Parameter(torch.zeros(channels)) if center else None
        self.register_buffer("moving_mean", torch.zeros(channels))
        self.register_buffer("moving_variance", torch.ones(channels))
        self.momentum, self.epsilon = momentum, epsilon
        self.momentum_limit = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out; channels are dimension 1."""
        count = x.numel() // x.shape[1]
        if not self.training or count == 1:
            # One value per channel has no variance to learn from.
            return F.batch_norm(
                x,
                self.moving_mean,
                self.moving_variance,
                self.gamma,
                self.beta,
                False,
                0.0,
                self.epsilon,
            )
        # The backward pass keeps the tensors that it was given, so only a copy may be corrected.
        moved = self.moving_variance.clone()
        momentum = min(self.momentum, self.momentum_limit)
        x = F.batch_norm(
            x,
            self.moving_mean,
            moved,
            self.gamma,
            self.beta,
            True,
            1.0 - momentum,
            self.epsilon,
        )
        with torch.no_grad():
            kept = self.moving_variance * momentum
            self.moving_variance.copy_((moved - kept) * ((count - 1) / count) + kept)
        return x


class MaxPool(nn.Module):
    """The largest value of each window; padding never wins. Then an optional activation."""

    def __init__(self, pool_size: Pair, strides: Pair, pad: Sides = (0, 0, 0, 0)) -> None:
        super().__init__()
        self.pool_size, self.strides, self.pad = pool_size, strides, pad
        self.activation: Activation | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, channels, height', width')."""
        if any(self.pad):
            x = F.pad(x, self.pad, value=float("-inf"))
        x = F.max_pool2d(x, self.pool_size, self.strides)
        return x if self.activation is None else self.activation(x)


class AveragePool(nn.Module):
    """The mean of each window over the pixels that exist; padding is not counted, as in Keras."""

    rows: Tensor
    columns: Tensor

    def __init__(
        self, size: Pair, pool_size: Pair, strides: Pair, pad: Sides = (0, 0, 0, 0)
    ) -> None:
        super().__init__()
        self.pool_size, self.strides, self.pad = pool_size, strides, pad
        # One factor a row and one a column, so that a large map costs nothing before it is there.
        for name, axis, sides in (("rows", 0, pad[2:]), ("columns", 1, pad[:2])):
            present = F.pad(torch.ones(1, 1, size[axis]), sides)
            share = F.avg_pool1d(present, pool_size[axis], strides[axis])
            self.register_buffer(name, 1.0 / share[0, 0], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, channels, height', width')."""
        if not any(self.pad):
            return F.avg_pool2d(x, self.pool_size, self.strides)
        share = torch.outer(self.rows, self.columns).to(x.dtype)
        return F.avg_pool2d(F.pad(x, self.pad), self.pool_size, self.strides) * share


class GlobalAverage(nn.Module):
    """The mean of each map: (batch, channels, height, width) → (batch, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        """Average over height and width."""
        return x.mean(dim=(2, 3))


class GlobalMax(nn.Module):
    """The largest value of each map: (batch, channels, height, width) → (batch, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        """Maximum over height and width."""
        return x.flatten(2).amax(dim=2) if x.shape[2:] != (1, 1) else x[:, :, 0, 0]


class FlattenMaps(nn.Module):
    """(batch, channels, height, width) → (batch, height·width·channels), in Keras's order."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten with the channels changing fastest, which costs nothing in channels_last."""
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


class Apply(nn.Module):
    """An activation as a layer of its own; None passes its input on."""

    def __init__(self, activation: Activation | None) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x if self.activation is None else self.activation(x)


class Pad(nn.Module):
    """Zeros around the map: (left, right, top, bottom) pixels."""

    def __init__(self, pad: Sides) -> None:
        super().__init__()
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, channels, height', width')."""
        return F.pad(x, self.pad)


class ResidualSum(nn.Module):
    """``branch + shortcut`` (He et al. 2015, section 3.2).

    Args:
        projection: makes the input as large as the branch's output: a module, or None where the
            shapes agree.
    """

    def __init__(self, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.projection = projection

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        """Add the block's input, projected where there is a projection, to its branch."""
        return branch + (x if self.projection is None else cast(Tensor, self.projection(x)))


class ProjectionShortcut(BatchNorm):
    """1×1 convolution, then batch normalisation (He et al. 2015, option B)."""

    def __init__(
        self,
        kernel_shape: tuple[int, int, int, int],
        strides: Pair,
        *,
        momentum: float,
        epsilon: float,
    ) -> None:
        super().__init__(
            kernel_shape[0], momentum=momentum, epsilon=epsilon, scale=True, center=True
        )
        self.kernel = nn.Parameter(torch.empty(kernel_shape))
        self.strides = strides

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, out, height', width')."""
        return super().forward(F.conv2d(subsample(x, self.strides), self.kernel))


class PaddedShortcut(nn.Module):
    """Every ``strides``-th pixel, between channels of zeros (He et al. 2015, option A)."""

    def __init__(self, strides: Pair, channels_before: int, channels_after: int) -> None:
        super().__init__()
        self.strides = strides
        self.channels = (channels_before, channels_after)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, out, height', width')."""
        x = subsample(x, self.strides)
        return F.pad(x, (0, 0, 0, 0, *self.channels))
