"""Layers that can be computed in two ways."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from convwise.model.random_batch import random_batch


class Raced(nn.Module):
    """A layer that torch computes, or a fused kernel where it has won the race.

    Attributes:
        raced: whether a race settles it; otherwise the kernel is used wherever there is one.
        inputs: how many tensors it takes, all of one shape.
        differentiates_inputs: whether the kernel computes the gradients of its inputs.
        sums_in_float32: whether the kernel does, whatever the type of its result: it is then
            compared with torch's results in float32.
        kernel_types: types of number for which the kernel is used; see ``convwise.model.race``.
        kernel_fits: whether there is a kernel for this layer, in its present mode, on these inputs.
        by_torch: computes the layer by torch's operations.
        by_kernel: computes it by the fused kernel.
    """

    # As with a module's ``forward``, each layer names and counts its own inputs.
    kernel_fits: Callable[..., bool]
    by_torch: Callable[..., Tensor]
    by_kernel: Callable[..., Tensor]

    raced = True
    inputs = 1
    differentiates_inputs = True
    sums_in_float32 = False

    def __init__(self) -> None:
        super().__init__()
        self.kernel_types: frozenset[torch.dtype] = frozenset()

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Compute the layer in the way that is quicker for this type of number."""
        known = x.dtype in self.kernel_types and x.device.type == "cpu"
        if known and x.numel() and self.kernel_fits(x, *others):
            return self.by_kernel(x, *others)
        return self.by_torch(x, *others)

    def race_inputs(self, shape: tuple[int, ...], number: torch.dtype) -> list[Tensor]:
        """Return numbers to race on; pictures, which need no gradient, are float32."""
        if not self.differentiates_inputs:
            number = torch.float32
        return [
            random_batch(shape, seed=seed).to(number).requires_grad_(self.differentiates_inputs)
            for seed in range(self.inputs)
        ]

    def weights(self) -> list[nn.Parameter]:
        """Return the weights whose gradients the kernel computes."""
        return []

    def race_key(self) -> str:
        """Return what, besides the input's shape and type, the time depends on."""
        raise NotImplementedError
