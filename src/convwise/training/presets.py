"""Recipes with a name: settings that go together, network included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convwise.errors import OptionError, did_you_mean

# `fast` with twice the filters, for three quarters of an hour on two cores. What it reached stands
# in docs/performance.md; it learns its training images nearly by heart.
_BEST_NETWORK = """\
conv 64 3 same use_bias=false
maxpool 2
norm
relu
conv 128 3 same use_bias=false
maxpool 2
norm
relu
conv 256 3 same use_bias=false
maxpool 2
norm
relu
residual
  conv 256 3 same norm relu
global_maxpool
dense classes
"""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "best": {
        "network": _BEST_NETWORK,
        "epochs": 70,
        "learning_rate": 0.05,
        "label_smoothing": 0.0,
    },
}


def preset(name: str) -> dict[str, Any]:
    """Return the settings of a named recipe.

    Raises:
        OptionError: there is none of that name.

    Example:
        >>> preset("default")
        {}
    """
    if name not in PRESETS:
        near = did_you_mean(name, PRESETS)
        raise OptionError(f"recipe {name!r}: use {' or '.join(PRESETS)}{near}")
    return dict(PRESETS[name])
