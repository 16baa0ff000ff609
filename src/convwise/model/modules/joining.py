"""Where branches meet, and what their shortcuts do."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules.convolution import subsample
from convwise.model.modules.normalization import BatchNorm
from convwise.model.modules.raced import Raced
from convwise.model.modules.types import Activation, Pair
from convwise.model.modules.weighted import Weighted


class Sum(nn.Module):
    """The sum of branches; the block's own input takes part only as an empty branch."""

    def forward(self, x: Tensor, *branches: Tensor) -> Tensor:
        """Add tensors of one shape."""
        total = branches[0]
        for branch in branches[1:]:
            total = total + branch
        return total


class Concatenated(nn.Module):
    """The channels (or features) of all branches, one branch after the other."""

    def forward(self, x: Tensor, *branches: Tensor) -> Tensor:
        """Join tensors that differ in dimension 1 alone."""
        return torch.cat(branches, dim=1)


class ActivatedSum(Raced):
    """The sum of two tensors, then an optional activation."""

    inputs = 2

    def __init__(self) -> None:
        super().__init__()
        self.activation: Activation | None = None

    def by_torch(self, a: Tensor, b: Tensor) -> Tensor:
        """Add tensors of one shape."""
        total = a + b
        return total if self.activation is None else self.activation(total)

    def by_kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """Add, and apply ReLU at once."""
        from convwise.kernels.residual_sum import residual_sum

        return residual_sum(a, b)

    def kernel_fits(self, a: Tensor, b: Tensor) -> bool:
        """Say no without ReLU, and to what is no map or of two types."""
        alike = a.dtype == b.dtype and a.shape == b.shape
        return self.activation is F.relu and a.ndim == 4 and alike

    def race_key(self) -> str:
        """Whether there is an activation."""
        return f"residual_sum {self.activation is F.relu}"


class ResidualSum(nn.Module):
    """``branch + shortcut`` (He et al. 2015, section 3.2), then an optional activation.

    Args:
        projection: makes the input as large as the branch's output: a module, or None where the
            shapes agree.
    """

    def __init__(self, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.projection = projection
        self.total = ActivatedSum()

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        """Add the block's input, projected where there is a projection, to its branch."""
        shortcut = x if self.projection is None else self.projection(x)
        return cast(Tensor, self.total(branch, shortcut))


class ProjectionShortcut(Weighted, BatchNorm):
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

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """(batch, in, height, width) → (batch, out, height', width')."""
        return BatchNorm.forward(self, self.summed(x))

    def weighted_sum(self, x: Tensor) -> Tensor:
        """Convolve."""
        return F.conv2d(subsample(x, self.strides), self.kernel)

    def sum_key(self) -> str:
        """Return the shapes."""
        return f"convolution {tuple(self.kernel.shape)} {self.strides}"


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
