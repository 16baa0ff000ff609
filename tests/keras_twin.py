"""Keras's own layer for a layer of ours, and our weights in Keras's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

import keras
import torch
from torch import Tensor

from convwise.design import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    SeparableConv2D,
    ZeroPadding2D,
)
from convwise.design.layer import arguments

TWINS: dict[type[Layer], Callable[..., Any]] = {
    Activation: keras.layers.Activation,
    AveragePooling2D: keras.layers.AveragePooling2D,
    BatchNormalization: keras.layers.BatchNormalization,
    Conv2D: keras.layers.Conv2D,
    Dense: keras.layers.Dense,
    DepthwiseConv2D: keras.layers.DepthwiseConv2D,
    Dropout: keras.layers.Dropout,
    Flatten: keras.layers.Flatten,
    GlobalAveragePooling2D: keras.layers.GlobalAveragePooling2D,
    GlobalMaxPooling2D: keras.layers.GlobalMaxPooling2D,
    LayerNormalization: keras.layers.LayerNormalization,
    MaxPooling2D: keras.layers.MaxPooling2D,
    SeparableConv2D: keras.layers.SeparableConv2D,
    ZeroPadding2D: keras.layers.ZeroPadding2D,
}
"""Every layer that Keras has too; all take the same arguments by the same names."""


def twin(layer: Layer) -> Any:
    """Return Keras's layer with the same arguments."""
    values = {item.name: getattr(layer, item.name) for item, _ in arguments(type(layer))}
    return TWINS[type(layer)](**values)


@singledispatch
def keras_kernel(layer: Layer, name: str, value: Tensor) -> Tensor:
    """Return a weight, or a gradient of one, with its sides in Keras's order."""
    return value


@keras_kernel.register
def _(layer: Conv2D, name: str, value: Tensor) -> Tensor:
    return value.permute(2, 3, 1, 0) if name == "kernel" else value


@keras_kernel.register
def _(layer: DepthwiseConv2D, name: str, value: Tensor) -> Tensor:
    return _depthwise(value, layer.depth_multiplier) if name == "kernel" else value


@keras_kernel.register
def _(layer: SeparableConv2D, name: str, value: Tensor) -> Tensor:
    if name == "depthwise_kernel":
        return _depthwise(value, layer.depth_multiplier)
    return value.permute(2, 3, 1, 0) if name == "pointwise_kernel" else value


@keras_kernel.register
def _(layer: Dense, name: str, value: Tensor) -> Tensor:
    return value.T if name == "kernel" else value


def _depthwise(value: Tensor, multiplier: int) -> Tensor:
    return value.unflatten(0, (-1, multiplier))[:, :, 0].permute(2, 3, 0, 1)


def give_weights(layer: Layer, weights: Mapping[str, Tensor], its_twin: Any) -> None:
    """Copy weights into Keras's layer, every one of them by its name."""
    variables = {variable.name: variable for variable in its_twin.weights}
    assert variables.keys() == weights.keys()
    for name, value in weights.items():
        wanted = keras_kernel(layer, name, value.detach())
        assert tuple(variables[name].shape) == tuple(wanted.shape), name
        variables[name].assign(wanted.contiguous())


def gradients(its_twin: Any) -> dict[str, Tensor]:
    """Return the gradients that Keras's trainable weights hold, by their names."""
    return {variable.name: variable.value.grad for variable in its_twin.trainable_weights}


def channels_last(value: Tensor) -> Tensor:
    """(batch, channels, height, width) → (batch, height, width, channels); flat stays flat."""
    return value.permute(0, 2, 3, 1) if value.ndim == 4 else value


def channels_first(value: Tensor) -> Tensor:
    """(batch, height, width, channels) → (batch, channels, height, width); flat stays flat."""
    return value.permute(0, 3, 1, 2) if value.ndim == 4 else value


def drawn(state: Mapping[str, Tensor], generator: torch.Generator) -> None:
    """Fill weights with numbers that keep a layer's output about as large as its input."""
    with torch.no_grad():
        for name, value in state.items():
            numbers = torch.randn(value.shape, generator=generator)
            if name.endswith("variance"):
                numbers = numbers.abs() + 0.5
            elif name.endswith("kernel"):
                numbers /= max(value[0].numel(), 1) ** 0.5
            value.copy_(numbers)
