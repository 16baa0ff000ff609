"""All kinds of layers, and how to read them from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convwise.design.activation import Activation
from convwise.design.block import MAX_DEPTH, MAX_LAYERS, LayersArgument
from convwise.design.blur_pooling import BlurPool2D
from convwise.design.branches import MAX_CHAINS, Add, ChainsArgument, Concatenate
from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.dropout import Dropout
from convwise.design.fixed_filters import FixedFilters
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from convwise.design.layer import Layer, arguments
from convwise.design.layer_normalization import LayerNormalization
from convwise.design.normalization import BatchNormalization
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.design.repeat import Repeat
from convwise.design.residual import Residual
from convwise.design.separable import SeparableConv2D
from convwise.design.zero_padding import ZeroPadding2D
from convwise.errors import DesignError, did_you_mean

KINDS: tuple[type[Layer], ...] = (
    Conv2D,
    DepthwiseConv2D,
    SeparableConv2D,
    FixedFilters,
    MaxPooling2D,
    AveragePooling2D,
    BlurPool2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    ZeroPadding2D,
    BatchNormalization,
    LayerNormalization,
    Activation,
    Dropout,
    Flatten,
    Dense,
    Residual,
    Add,
    Concatenate,
    Repeat,
)

_BY_NAME = {kind.__name__: kind for kind in KINDS}


def layer_from_dict(values: object, depth: int = 0) -> Layer:
    """Read what :meth:`Layer.to_dict` wrote; every argument has to be there.

    Args:
        values: an object of plain JSON values.
        depth: blocks around it.

    Raises:
        DesignError: the kind or a key is unknown, a key is missing, or a value cannot be.

    Example:
        >>> layer_from_dict({"layer": "Dropout", "rate": 0.5})
        Dropout(rate=0.5)
    """
    if not isinstance(values, Mapping) or not isinstance(values.get("layer"), str):
        raise DesignError('a layer in JSON is an object with its kind under "layer"')
    name = values["layer"]
    kind = _BY_NAME.get(name)
    if kind is None:
        raise DesignError(f"{name[:60]!r} is no kind of layer{did_you_mean_kind(name)}")
    known = arguments(kind)
    keys = {item.name for item, _ in known}
    for key in values:
        if key != "layer" and key not in keys:
            raise DesignError(
                f"has no argument {str(key)[:60]!r}{did_you_mean(str(key)[:60], keys)}", layer=name
            )
    if missing := sorted(keys - set(values)):
        raise DesignError(f"lacks {', '.join(missing)}", layer=name)
    found: dict[str, Any] = {}
    for item, argument in known:
        value = values[item.name]
        if isinstance(argument, LayersArgument):
            value = layers_from_dicts(value, depth + 1)
        elif isinstance(argument, ChainsArgument):
            value = chains_from_dicts(value, depth + 2)
        found[item.name] = value
    return kind(**found)


def layers_from_dicts(values: object, depth: int = 0) -> tuple[Layer, ...]:
    """Read a list of layers.

    Raises:
        DesignError: it is no list, too long or nested too deep, or a layer cannot be read.
    """
    if depth > MAX_DEPTH:
        raise DesignError(f"layers lie more than {MAX_DEPTH} blocks deep")
    if not isinstance(values, (list, tuple)):
        raise DesignError("layers in JSON are a list of objects")
    if len(values) > MAX_LAYERS:
        raise DesignError(f"{len(values):,} layers are too many; use at most {MAX_LAYERS:,}")
    return tuple(layer_from_dict(value, depth) for value in values)


def chains_from_dicts(values: object, depth: int = 0) -> tuple[tuple[Layer, ...], ...]:
    """Read a list of lists of layers.

    Raises:
        DesignError: it is no such list, too long or nested too deep, or a layer cannot be read.
    """
    if not isinstance(values, (list, tuple)):
        raise DesignError("chains in JSON are a list of lists of objects")
    if len(values) > MAX_CHAINS:
        raise DesignError(f"{len(values):,} chains are too many; use at most {MAX_CHAINS}")
    return tuple(layers_from_dicts(chain, depth) for chain in values)


def did_you_mean_kind(name: str) -> str:
    """Return a hint with the kinds of layers of a name like this, or an empty string."""
    by_lower = {kind.lower(): kind for kind in _BY_NAME}
    hint = did_you_mean(name[:60], by_lower)
    for lower, kind in by_lower.items():
        hint = hint.replace(f" {lower}", f" {kind}")
    return hint
