"""Where a network's weights are."""

from __future__ import annotations

import torch
from torch import nn

CPU = torch.device("cpu")


def device_of(network: nn.Module) -> torch.device:
    """Return the device of a network's weights; of one without any, the processor.

    Example:
        >>> device_of(nn.Linear(2, 1)).type
        'cpu'
    """
    return next((weight.device for weight in network.parameters()), CPU)
