"""Pooling of regions and of whole maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules.raced import Raced
from convwise.model.modules.types import Activation, Pair, Sides

# The kernel keeps a place in a byte, and needs one value for "nobody".
NOBODY = 255


class MaxPool(Raced):
    """The largest value of each window; padding never wins. Then an optional activation."""

    def __init__(self, pool_size: Pair, strides: Pair, pad: Sides = (0, 0, 0, 0)) -> None:
        super().__init__()
        self.pool_size, self.strides, self.pad = pool_size, strides, pad
        self.activation: Activation | None = None

    def by_torch(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, channels, height', width')."""
        x = F.max_pool2d(self._padded(x), self.pool_size, self.strides)
        return x if self.activation is None else self.activation(x)

    def by_kernel(self, x: Tensor) -> Tensor:
        """Take the maxima and apply ReLU at once."""
        from convwise.kernels.max_pool import max_pool

        relu = self.activation is F.relu
        return max_pool(self._padded(x), self.pool_size, self.strides, relu)

    def kernel_fits(self, x: Tensor) -> bool:
        """Say no to windows whose places do not fit into a byte, and to other activations."""
        small = self.pool_size[0] * self.pool_size[1] < NOBODY
        return small and self.activation in (None, F.relu)

    def race_key(self) -> str:
        """Windows, padding and activation."""
        return f"max_pool {self.pool_size} {self.strides} {self.pad} {self.activation is F.relu}"

    def _padded(self, x: Tensor) -> Tensor:
        return F.pad(x, self.pad, value=float("-inf")) if any(self.pad) else x


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


class BlurPool(nn.Module):
    """The binomially weighted mean of each window over the pixels that exist.

    Zhang 2019, section 3.2, with weights scaled at the border instead of mirrored pixels.
    """

    kernel: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(
        self,
        size: Pair,
        weights: tuple[tuple[float, ...], tuple[float, ...]],
        strides: Pair,
        pad: Sides = (0, 0, 0, 0),
    ) -> None:
        super().__init__()
        self.strides, self.pad = strides, pad
        down, along = (torch.tensor(axis) for axis in weights)
        self.register_buffer("kernel", torch.outer(down, along)[None, None], persistent=False)
        for name, axis, sides, weight in (
            ("rows", 0, pad[2:], down),
            ("columns", 1, pad[:2], along),
        ):
            present = F.pad(torch.ones(1, 1, size[axis]), sides)
            share = F.conv1d(present, weight[None, None], stride=strides[axis])
            self.register_buffer(name, 1.0 / share[0, 0], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, channels, height', width')."""
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, -1, -1)
        x = F.conv2d(F.pad(x, self.pad), kernel, stride=self.strides, groups=channels)
        if not any(self.pad):
            return x
        return x * torch.outer(self.rows, self.columns).to(x.dtype)


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
