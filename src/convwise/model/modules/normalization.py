"""Batch and layer normalisation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
