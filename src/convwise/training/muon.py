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


def orthogonalise(matrices: Tensor, steps: int = STEPS) -> Tensor:
    """Return about the nearest matrices with singular values 1: (…, rows, columns), as they came.

    Each step multiplies x from the left by a polynomial of x xᵀ. These polynomials commute, so the
    steps are taken with the small x xᵀ alone, and only their product meets the wide x: half of the
    work for a 3×3 kernel, whose x is nine times as wide as high.

    Example:
        >>> orthogonalise(torch.diag(torch.tensor([3.0, 1.0])), steps=8).diag().round().tolist()
        [1.0, 1.0]
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices.reshape(-1, *matrices.shape[-2:])
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) + 1e-7)
    gram = x @ x.mT
    change = identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).expand_as(gram)
    for step in range(steps):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c).add_(identity, alpha=a)
        change = factor @ change if step else factor
        if step < steps - 1:
            gram = factor @ gram @ factor
    x = change @ x
    nearest: Tensor = (x.mT if tall else x).reshape(matrices.shape)
    return nearest


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
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not group["orthogonal"]:
                self._plain(weights, group)
                continue
            alike: dict[torch.Size, list[Tensor]] = {}
            for weight in weights:
                alike.setdefault(weight.shape, []).append(weight)
            for kernels in alike.values():
                self._orthogonal(kernels, group)

    def _orthogonal(self, kernels: list[Tensor], group: dict[str, Any]) -> None:
        """Change kernels of one shape, all in the same products of matrices."""
        gradients = [cast(Tensor, kernel.grad) for kernel in kernels]
        ahead = torch.stack(self._nesterov(kernels, gradients, group["momentum"]))
        directions = orthogonalise(ahead.flatten(2)).view_as(ahead)
        length = math.sqrt(kernels[0].shape[0])
        scales = [length / (norm + 1e-7) for norm in torch._foreach_norm(kernels)]
        torch._foreach_mul_(kernels, scales)
        torch._foreach_add_(kernels, list(directions.unbind()), alpha=-group["lr"])

    def _plain(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        if not weights:
            return
        gradients = [cast(Tensor, weight.grad) for weight in weights]
        if group["weight_decay"]:
            decay = group["weight_decay"]
            gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
        steps = self._nesterov(weights, gradients, group["momentum"])
        torch._foreach_add_(weights, steps, alpha=-group["lr"])

    def _nesterov(
        self, weights: list[Tensor], gradients: list[Tensor], momentum: float
    ) -> list[Tensor]:
        """Update the averages of the gradients and return them as they will be one step ahead."""
        for weight in weights:
            if "momentum_buffer" not in self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        averages = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_mul_(averages, momentum)
        torch._foreach_add_(averages, gradients)
        return list(torch._foreach_add(gradients, averages, alpha=momentum))
