"""One layer of a design → one torch module."""

from __future__ import annotations

import functools

import torch
from torch import nn

from convwise.design.activation import Activation
from convwise.design.blur_pooling import BlurPool2D, binomial
from convwise.design.branches import Add, Concatenate
from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.dropout import Dropout
from convwise.design.fixed_filters import FixedFilters
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from convwise.design.layer import Layer, Shape
from convwise.design.layer_normalization import LayerNormalization
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Row
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.design.residual import Residual
from convwise.design.separable import SeparableConv2D
from convwise.design.window import Window
from convwise.design.zero_padding import ZeroPadding2D
from convwise.errors import DesignError
from convwise.geometry import same_padding
from convwise.model import modules
from convwise.model.activations import activation_function


def lower(row: Row) -> nn.Module:
    """Return the module that computes ``row.layer`` on ``row.input_shape``.

    Raises:
        DesignError: no module is known for the layer's type.
    """
    return _lower(row.layer, row)


@functools.singledispatch
def _lower(layer: Layer, row: Row) -> nn.Module:
    raise DesignError(f"{type(layer).__name__} has no torch module", layer=row.name)


def _function(name: str | None) -> modules.Activation | None:
    return None if name in (None, "linear") else activation_function(name)


def _weight_shape(row: Row, name: str) -> tuple[int, ...]:
    return next(weight.shape for weight in row.weights if weight.name == name)


def _sides(window: Window, input_shape: Shape) -> modules.Sides:
    if window.padding == "valid":
        return (0, 0, 0, 0)
    (top, bottom), (left, right) = (
        same_padding(
            input_shape[axis], window.kernel[axis], window.strides[axis], window.dilation[axis]
        )
        for axis in (0, 1)
    )
    return (left, right, top, bottom)


def _convolution(layer: Conv2D | DepthwiseConv2D, row: Row, groups: int) -> nn.Module:
    shape, window = _weight_shape(row, "kernel"), layer.window()
    return modules.Convolution(
        (shape[0], shape[1], shape[2], shape[3]),
        pad=_sides(window, row.input_shape),
        strides=window.strides,
        dilation=window.dilation,
        groups=groups,
        use_bias=layer.use_bias,
        activation=_function(layer.activation),
    )


@_lower.register
def _(layer: Conv2D, row: Row) -> nn.Module:
    return _convolution(layer, row, layer.groups)


@_lower.register
def _(layer: DepthwiseConv2D, row: Row) -> nn.Module:
    return _convolution(layer, row, row.input_shape[-1])


@_lower.register
def _(layer: SeparableConv2D, row: Row) -> nn.Module:
    shape, window = _weight_shape(row, "depthwise_kernel"), layer.window()
    return modules.SeparableConvolution(
        (shape[0], shape[1], shape[2], shape[3]),
        layer.filters,
        channels=row.input_shape[-1],
        pad=_sides(window, row.input_shape),
        strides=window.strides,
        dilation=window.dilation,
        use_bias=layer.use_bias,
        activation=_function(layer.activation),
    )


@_lower.register
def _(layer: FixedFilters, row: Row) -> nn.Module:
    window = layer.window()
    return modules.FixedConvolution(
        torch.tensor(layer.values, dtype=torch.float32),
        row.input_shape[-1],
        pad=_sides(window, row.input_shape),
        strides=window.strides,
        activation=_function(layer.activation),
    )


@_lower.register
def _(layer: LayerNormalization, row: Row) -> nn.Module:
    return modules.LayerNorm(
        row.input_shape[-1], epsilon=layer.epsilon, scale=layer.scale, center=layer.center
    )


@_lower.register
def _(layer: BlurPool2D, row: Row) -> nn.Module:
    window, size = layer.window(), (row.input_shape[0], row.input_shape[1])
    weights = (binomial(window.kernel[0]), binomial(window.kernel[1]))
    return modules.BlurPool(size, weights, window.strides, _sides(window, row.input_shape))


@_lower.register
def _(layer: Add, row: Row) -> nn.Module:
    return modules.Sum()


@_lower.register
def _(layer: Concatenate, row: Row) -> nn.Module:
    return modules.Concatenated()


@_lower.register
def _(layer: Dense, row: Row) -> nn.Module:
    shape = _weight_shape(row, "kernel")
    return modules.FullyConnected(
        (shape[0], shape[1]), use_bias=layer.use_bias, activation=_function(layer.activation)
    )


@_lower.register
def _(layer: BatchNormalization, row: Row) -> nn.Module:
    return modules.BatchNorm(
        row.input_shape[-1],
        momentum=layer.momentum,
        epsilon=layer.epsilon,
        scale=layer.scale,
        center=layer.center,
    )


@_lower.register
def _(layer: MaxPooling2D, row: Row) -> nn.Module:
    window = layer.window()
    return modules.MaxPool(window.kernel, window.strides, _sides(window, row.input_shape))


@_lower.register
def _(layer: AveragePooling2D, row: Row) -> nn.Module:
    window, size = layer.window(), (row.input_shape[0], row.input_shape[1])
    return modules.AveragePool(size, window.kernel, window.strides, _sides(window, row.input_shape))


@_lower.register
def _(layer: GlobalAveragePooling2D, row: Row) -> nn.Module:
    return modules.GlobalAverage()


@_lower.register
def _(layer: GlobalMaxPooling2D, row: Row) -> nn.Module:
    return modules.GlobalMax()


@_lower.register
def _(layer: Activation, row: Row) -> nn.Module:
    return modules.Apply(_function(layer.activation))


@_lower.register
def _(layer: Dropout, row: Row) -> nn.Module:
    return modules.Dropout(layer.rate)


@_lower.register
def _(layer: Flatten, row: Row) -> nn.Module:
    return modules.FlattenMaps()


@_lower.register
def _(layer: ZeroPadding2D, row: Row) -> nn.Module:
    (top, bottom), (left, right) = layer.border
    return modules.Pad((left, right, top, bottom))


@_lower.register
def _(layer: Residual, row: Row) -> nn.Module:
    before, after = row.input_shape, row.output_shape
    projection = layer.projection(before)
    if projection is not None:
        shape, norm = _weight_shape(row, "projection.kernel"), projection[1]
        shortcut = modules.ProjectionShortcut(
            (shape[0], shape[1], shape[2], shape[3]),
            layer.total_strides(),
            momentum=norm.momentum,
            epsilon=norm.epsilon,
        )
        return modules.ResidualSum(shortcut)
    if before == after:
        return modules.ResidualSum()
    more = after[-1] - before[-1]
    return modules.ResidualSum(
        modules.PaddedShortcut(layer.total_strides(), more // 2, more - more // 2)
    )
