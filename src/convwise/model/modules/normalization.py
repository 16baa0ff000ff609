"""Batch and layer normalisation."""

from __future__ import annotations

from typing import Any, Self

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules.raced import Raced
from convwise.model.modules.types import Activation


class _SumOverProcesses(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        total = slope.contiguous().clone()
        dist.all_reduce(total)
        return total


def sum_over_processes(part: Tensor) -> Tensor:
    """Return the sum of all processes' tensors of one shape."""
    total: Tensor = _SumOverProcesses.apply(part)  # type: ignore[no-untyped-call]
    return total


class BatchNorm(Raced):
    """Batch normalisation with Keras's momentum and its biased moving variance, then an activation.

    Ioffe and Szegedy 2015, algorithm 1. Keras keeps ``momentum`` of the old statistics and adds
    the batch's *biased* variance; torch adds the unbiased one, which is corrected here.

    Attributes:
        momentum_limit: an upper bound of the momentum, which a training may lower in its first
            steps so that the moving statistics do not start from values that mean nothing.
        over_processes: take the statistics of a batch over all processes that share it.
        keeps_statistics: normalise by the moving statistics in training too, and leave them.
        activation: applied to the result, or None.
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
        self.over_processes = False
        self.keeps_statistics = False
        self.activation: Activation | None = None

    def train(self, mode: bool = True) -> Self:
        """Choose between training and prediction, unless the statistics are kept."""
        return super().train(mode and not self.keeps_statistics)

    def by_torch(self, x: Tensor) -> Tensor:
        """Same shape in and out; channels are dimension 1."""
        x = self._normalised(x)
        return x if self.activation is None else self.activation(x)

    def by_kernel(self, x: Tensor) -> Tensor:
        """Normalise by the batch's statistics and apply ReLU at once."""
        from convwise.kernels.batch_norm import batch_norm

        computed = torch.float64 if x.dtype == torch.float64 else torch.float32
        gamma = x.new_ones(x.shape[1], dtype=computed) if self.gamma is None else self.gamma
        beta = x.new_zeros(x.shape[1], dtype=computed) if self.beta is None else self.beta
        y, mean, variance = batch_norm(x, gamma, beta, self.epsilon, self.activation is F.relu)
        kept = min(self.momentum, self.momentum_limit)
        with torch.no_grad():
            self.moving_mean.lerp_(mean, 1.0 - kept)
            self.moving_variance.lerp_(variance, 1.0 - kept)
        return y

    def kernel_fits(self, x: Tensor) -> bool:
        """Say no outside of training, for one value a channel, and to other activations."""
        trains = self.training and x.numel() > x.shape[1] and not self.over_processes
        return trains and self.activation in (None, F.relu)

    def race_key(self) -> str:
        """Whether there is an activation, and whether there is anything to race."""
        kept = " kept" if self.keeps_statistics else ""
        return f"batch_norm {self.activation is F.relu}{kept}"

    def _normalised(self, x: Tensor) -> Tensor:
        count = x.numel() // x.shape[1]
        if not self.training or (count == 1 and not self.over_processes):
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
        if self.over_processes:
            return self._normalised_together(x)
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

    def _normalised_together(self, x: Tensor) -> Tensor:
        """Normalise by mean and variance of all processes' parts of the batch."""
        number, axes = x.dtype, [axis for axis in range(x.ndim) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
        x = x.to(self.moving_mean.dtype)
        own = x.new_tensor([x.numel() // x.shape[1]])
        found = sum_over_processes(torch.cat([x.sum(axes), own]))
        mean, count = found[:-1] / found[-1].detach(), found[-1].detach()
        x = x - mean.view(shape)
        variance = sum_over_processes(x.square().sum(axes)) / count
        with torch.no_grad():
            moves = 1.0 - min(self.momentum, self.momentum_limit)
            self.moving_mean.lerp_(mean, moves)
            self.moving_variance.lerp_(variance, moves)
        x = x * torch.rsqrt(variance + self.epsilon).view(shape)
        x = x if self.gamma is None else x * self.gamma.view(shape)
        x = x if self.beta is None else x + self.beta.view(shape)
        return x.to(number)


class LayerNorm(nn.Module):
    """Normalisation over the channels of each place (Ba, Kiros and Hinton 2016)."""

    gamma: nn.Parameter | None
    beta: nn.Parameter | None

    def __init__(self, channels: int, *, epsilon: float, scale: bool, center: bool) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels)) if scale else None
        self.beta = nn.Parameter(torch.zeros(channels)) if center else None
        self.channels, self.epsilon = channels, epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out; channels are dimension 1."""
        last = x.movedim(1, -1)
        normal = F.layer_norm(last, (self.channels,), self.gamma, self.beta, self.epsilon)
        return normal.movedim(-1, 1)
