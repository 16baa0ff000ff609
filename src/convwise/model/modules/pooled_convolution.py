"""A network's first convolution, and the max-pooling after it, computed at once."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules.convolution import Convolution
from convwise.model.modules.pooling import MaxPool
from convwise.model.modules.raced import Raced

# Of pictures, not of maps: with many channels a convolution is a product of matrices, which no
# loop of ours keeps up with.
MOST_CHANNELS = 4
PAIR, ONCE = (2, 2), (1, 1)


class PooledConvolution(Raced):
    """What a convolution and a max-pooling compute, one after the other or by one kernel.

    Both stay where they are in the network, with their names and weights; this only knows them.

    Args:
        convolution: of the pictures themselves.
        pool: what follows it, with the ReLU of either.
    """

    differentiates_inputs = False
    sums_in_float32 = True

    def __init__(self, convolution: Convolution, pool: MaxPool) -> None:
        super().__init__()
        # In a tuple, so that torch does not take them for parts of this module.
        self.parts = (convolution, pool)

    @classmethod
    def of(cls, first: nn.Module, second: nn.Module) -> Self | None:
        """Return it for two neighbours, or None where there is no kernel for what they do."""
        if not (isinstance(first, Convolution) and isinstance(second, MaxPool)):
            return None
        fits = (
            first.activation is None
            and first.groups == 1
            and first.kernel.shape[1] <= MOST_CHANNELS
            and ONCE == first.strides == first.subsampling == first.dilation
            and PAIR == second.pool_size == second.strides
            and not any(second.pad)
            and second.activation in (None, F.relu)
        )
        return cls(first, second) if fits else None

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(batch, channels, height, width) → (batch, filters, height', width')."""
        known = self._number(x) in self.kernel_types and x.device.type == "cpu"
        if known and x.numel() and self.kernel_fits(x):
            return self.by_kernel(x)
        return self.by_torch(x)

    def by_torch(self, x: Tensor) -> Tensor:
        """Compute one after the other; the pooling may be a kernel of its own."""
        convolution, pool = self.parts
        pooled: Tensor = pool(convolution(x))
        return pooled

    def by_kernel(self, x: Tensor) -> Tensor:
        """Compute both at once."""
        from convwise.kernels.pooled_convolution import pooled_convolution

        convolution, pool = self.parts
        x, relu = F.pad(x, convolution.pad), pool.activation is F.relu
        number = self._number(x)
        return pooled_convolution(x, convolution.kernel, convolution.bias, relu, number)

    def kernel_fits(self, x: Tensor) -> bool:
        """Say no where the picture's gradient is asked for, and where nothing would be left."""
        kernel, (left, right, top, bottom) = self.parts[0].kernel, self.parts[0].pad
        rows = x.shape[2] + top + bottom - kernel.shape[2] + 1
        columns = x.shape[3] + left + right - kernel.shape[3] + 1
        float32 = x.dtype == kernel.dtype == torch.float32
        return float32 and not x.requires_grad and min(rows, columns) >= 2

    def race_key(self) -> str:
        """Return what both depend on."""
        convolution, pool = self.parts
        return f"{convolution.sum_key()} {convolution.in_fp32} {pool.race_key()}"

    def weights(self) -> list[nn.Parameter]:
        """Return the convolution's weights."""
        return list(self.parts[0].parameters())

    @staticmethod
    def _number(x: Tensor) -> torch.dtype:
        """Return the type of the result, which pictures do not have yet."""
        return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
