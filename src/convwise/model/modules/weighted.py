"""Layers that compute weighted sums: where the arithmetic of a network is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from convwise.model.modules.types import Activation


class Weighted(nn.Module):
    """A layer of weighted sums, which may stay in fp32 where its neighbours compute in bf16.

    Attributes:
        in_fp32: under autocast, compute the sums in fp32 and hand on the result in autocast's type;
                see ``convwise.training.layer_precision``.
        activation: applied to the sums, or None.
    """

    in_fp32 = False
    activation: Activation | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Compute the sums and the activation."""
        x = self.summed(x)
        return x if self.activation is None else self.activation(x)

    def weighted_sum(self, x: Tensor) -> Tensor:
        """Compute the layer without its activation."""
        raise NotImplementedError

    def sum_key(self) -> str:
        """Return what, besides the input's shape, the time of the sums depends on."""
        raise NotImplementedError

    def summed(self, x: Tensor) -> Tensor:
        """Compute the layer without its activation, in the type that was chosen for it."""
        if not self.in_fp32 or not torch.is_autocast_enabled("cpu"):
            return self.weighted_sum(x)
        with torch.autocast("cpu", enabled=False):
            total = self.weighted_sum(x.float())
        return total.to(torch.get_autocast_dtype("cpu"))
