"""The types of number that a training computes in, and how results in them compare."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

import torch
from torch import Tensor

Precision = Literal["fp32", "bf16", "fp16"]
PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16"]

_NUMBERS = {"bf16": torch.bfloat16, "fp16": torch.float16}

# What is so many times slower on few images is not tried on all of them.
PROBE_IMAGES = 4
TOO_SLOW = 4.0


def computing_in(precision: Precision, kind: str = "cpu") -> contextlib.AbstractContextManager[Any]:
    """Return the context in which a network's forward pass runs in ``precision``.

    In bf16, layers that were chosen to (``convwise.training.layer_precision``) stay in fp32.

    Args:
        precision: of weighted sums.
        kind: of the device, as torch names its type.
    """
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(kind, dtype=_NUMBERS[precision])


def relative_error(ours: Tensor, reference: Tensor) -> float:
    """Return the norm of the difference over the norm; infinite where there is a NaN.

    Example:
        >>> relative_error(torch.tensor([3.0, 6.5]), torch.tensor([3.0, 4.0]))
        0.5
    """
    norm = float(reference.norm())
    error = float((ours.float() - reference.float()).norm()) / norm if norm else 0.0
    return error if error == error else float("inf")
