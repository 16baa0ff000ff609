"""Numbers to race layers on."""

from __future__ import annotations

import torch
from torch import Tensor


def random_batch(shape: tuple[int, ...], *, seed: int) -> Tensor:
    """Return float32 numbers that lie in memory as a real batch does: maps pixel by pixel.

    Args:
        shape: (batch, channels, height, width), or (batch, features).
        seed: another one for input and gradient: normalisation has no slope along its own result.

    Example:
        >>> random_batch((2, 1, 5, 7), seed=0).stride()
        (35, 1, 7, 1)
    """
    generator = torch.Generator().manual_seed(seed)
    if len(shape) != 4:
        return torch.randn(shape, generator=generator)
    batch, channels, height, width = shape
    # ``contiguous`` would not do: it takes any layout of one channel for channels_last, and torch
    # would then choose the other one for what a convolution leaves.
    return torch.randn(batch, height, width, channels, generator=generator).permute(0, 3, 1, 2)
