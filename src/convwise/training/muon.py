"""Muon: momentum, made orthogonal.

A convolution's gradient, seen as a matrix of (filters × inputs of a filter), is dominated by few
directions. Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks")
replaces the momentum matrix by the nearest matrix whose singular values are all about 1, so that
rare directions are learnt as fast as common ones. The nearest such matrix comes from a few steps
of a quintic Newton–Schulz iteration, which needs products of small matrices only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

# Coefficients of the iteration x ← ax + bx³ + cx⁵ (Jordan et al. 2024): they push all singular
# values into about 0.7…1.2 as fast as possible, instead of to exactly 1.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
STEPS = 3


def orthogonalise(matrix: Tensor, steps: int = STEPS) -> Tensor:
    """Return about the nearest matrix with singular values 1; at least (rows, columns) = 2-D.

    Example:
        >>> orthogonalise(torch.diag(torch.tensor([3.0, 1.0])), steps=8).diag().round().tolist()
        [1.0, 1.0]
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(Optimizer):
    """Muon for kernels that batch normalisation follows, Nesterov SGD for all other weights.

    Normalisation makes such a kernel's length meaningless, so each step first sets it to √filters
    (one per filter, on average); the learning rate is then a share of the kernel that changes in
    a step, whatever the layer.

    Args:
        groups: as for any optimizer; each with ``lr``, ``momentum``, ``weight_decay`` and
            ``orthogonal``. An orthogonal group holds (filters, inputs, height, width) kernels and
            does not decay.
    """

    def __init__(self, groups: Sequence[dict[str, Any]]) -> None:
        super().__init__(groups, {"weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Change every weight that has a gradient."""
        for group in self.param_groups:
            change = self._orthogonal if group["orthogonal"] else self._plain
            for weight in group["params"]:
                if weight.grad is not None:
                    change(weight, group)

    def _orthogonal(self, kernel: Tensor, group: dict[str, Any]) -> None:
        ahead = self._nesterov(kernel, cast(Tensor, kernel.grad), group["momentum"])
        direction = orthogonalise(ahead.flatten(1)).view_as(kernel)
        kernel.mul_(math.sqrt(kernel.shape[0]) / (kernel.norm() + 1e-7))
        kernel.add_(direction, alpha=-group["lr"])

    def _plain(self, weight: Tensor, group: dict[str, Any]) -> None:
        gradient = torch.add(cast(Tensor, weight.grad), weight, alpha=group["weight_decay"])
        weight.add_(self._nesterov(weight, gradient, group["momentum"]), alpha=-group["lr"])

    def _nesterov(self, weight: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        """Update the average of the gradients and return it as it will be one step ahead."""
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        average = state["momentum_buffer"].mul_(momentum).add_(gradient)
        return torch.add(gradient, average, alpha=momentum)
