"""Activation functions with Keras 3's definitions, by Keras's names."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from convwise.errors import DesignError


def _softmax_over_channels(x: Tensor) -> Tensor:
    return torch.softmax(x, dim=1)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": functools.partial(F.leaky_relu, negative_slope=0.2),
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softmax": _softmax_over_channels,
}


def activation_function(name: str) -> Callable[[Tensor], Tensor]:
    """Return the function that Keras calls ``name``; it takes and gives (batch, channels, …).

    Raises:
        DesignError: there is no such activation.
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        known = ", ".join(sorted(ACTIVATIONS))
        raise DesignError(f"activation {name!r} is unknown; known are {known}") from None
