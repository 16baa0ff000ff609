"""Layers that can be computed in two ways."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Raced(nn.Module):
    """A layer that torch computes, or a fused kernel where it has won the race.

    Attributes:
        raced: whether a race settles it; otherwise the kernel is used wherever there is one.
        kernel_types: types of number for which the kernel is used; see ``convwise.model.race``.
    """

    raced = True

    def __init__(self) -> None:
        super().__init__()
        self.kernel_types: frozenset[torch.dtype] = frozenset()

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer in the way that is quicker for this type of number."""
        if x.dtype in self.kernel_types and x.device.type == "cpu" and self.kernel_fits(x):
            return self.by_kernel(x)
        return self.by_torch(x)

    def kernel_fits(self, x: Tensor) -> bool:
        """Return whether there is a kernel for this layer, in its present mode, on this input."""
        raise NotImplementedError

    def by_torch(self, x: Tensor) -> Tensor:
        """Compute the layer by torch's operations."""
        raise NotImplementedError

    def by_kernel(self, x: Tensor) -> Tensor:
        """Compute the layer by the fused kernel."""
        raise NotImplementedError

    def race_key(self) -> str:
        """Return what, besides the input's shape and type, the time depends on."""
        raise NotImplementedError
