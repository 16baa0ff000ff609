"""Modules without weights that reshape, pad or apply a function."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules.types import Activation, Sides


class FlattenMaps(nn.Module):
    """(batch, channels, height, width) → (batch, height·width·channels), in Keras's order."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten with the channels changing fastest, which costs nothing in channels_last."""
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


class Apply(nn.Module):
    """An activation as a layer of its own; None passes its input on."""

    def __init__(self, activation: Activation | None) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x if self.activation is None else self.activation(x)


class Pad(nn.Module):
    """Zeros around the map: (left, right, top, bottom) pixels."""

    def __init__(self, pad: Sides) -> None:
        super().__init__()
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, channels, height', width')."""
        return F.pad(x, self.pad)
