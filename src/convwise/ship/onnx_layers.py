"""One layer of a design → nodes of an ONNX graph, (batch, channels, height, width) throughout."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.design.activation import ELU_ALPHA, LEAKY_RELU_SLOPE, Activation
from convwise.design.blur_pooling import BlurPool2D, binomial
from convwise.design.branches import Add, Concatenate
from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.dropout import Dropout
from convwise.design.fixed_filters import FixedFilters
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from convwise.design.layer import Layer
from convwise.design.layer_normalization import LayerNormalization
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Row
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.design.residual import Residual
from convwise.design.separable import SeparableConv2D
from convwise.design.zero_padding import ZeroPadding2D
from convwise.errors import DesignError
from convwise.ship.onnx_graph import Graph


@dataclass(frozen=True)
class Site:
    """Where a layer is written: the graph, the layer's row, its inputs and its weights.

    Args:
        graph: nodes are added to it.
        row: of the layer.
        x: name of the layer's input.
        branches: names of the outputs of the layer's own branches.
        weights: all weights of the network, by the model file's names.
    """

    graph: Graph
    row: Row
    x: str
    branches: tuple[str, ...]
    weights: Mapping[str, NDArray[np.float32]]

    def weight(self, name: str) -> str:
        """Add a weight of the layer to the graph and return its name."""
        full = f"{self.row.name}.{name}"
        return self.graph.constant(full, self.weights[full])

    def add(self, kind: str, *inputs: str, ending: str = "", **attributes: Any) -> str:
        """Add a node that is named after the layer and return its output."""
        return self.graph.add(kind, inputs, self.row.name + ending, **attributes)


def emit(site: Site) -> str:
    """Write a layer and return the name of its output.

    Raises:
        DesignError: no ONNX is known for the layer's kind.
    """
    return _emit(site.row.layer, site)


@functools.singledispatch
def _emit(layer: Layer, site: Site) -> str:
    raise DesignError(f"{type(layer).__name__} has no ONNX", layer=site.row.name)


def _sliding(site: Site) -> dict[str, Any]:
    window = site.row.layer.window()
    assert window is not None
    (top, bottom), (left, right) = window.pads(site.row.input_shape)
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.strides),
        "pads": [top, left, bottom, right],
    }


def _dilated(site: Site) -> dict[str, Any]:
    window = site.row.layer.window()
    assert window is not None
    return _sliding(site) | {"dilations": list(window.dilation)}


def activated(site: Site, name: str | None, x: str) -> str:
    """Write an activation behind ``x``; None and ``linear`` add nothing."""
    ending = f"_{name}"
    match name:
        case None | "linear":
            return x
        case "relu" | "tanh" | "sigmoid":
            return site.add(name.capitalize(), x, ending=ending)
        case "relu6":
            ends = [site.graph.constant(end, np.float32(end)) for end in ("0", "6")]
            return site.add("Clip", x, *ends, ending=ending)
        case "leaky_relu":
            return site.add("LeakyRelu", x, ending=ending, alpha=LEAKY_RELU_SLOPE)
        case "elu":
            return site.add("Elu", x, ending=ending, alpha=ELU_ALPHA)
        case "silu":
            return site.add("Mul", x, site.add("Sigmoid", x, ending="_gate"), ending=ending)
        case "softmax":
            return site.add("Softmax", x, ending=ending, axis=1)
        case "gelu":
            return _gelu(site, x)
    raise DesignError(f"activation {name!r} has no ONNX", layer=site.row.name)


def _gelu(site: Site, x: str) -> str:
    # An operator of its own came with opset 20; runtimes know this pattern and fuse it.
    root, one, half = (
        site.graph.constant(name, np.float32(value))
        for name, value in (("root", math.sqrt(2)), ("one", 1.0), ("half", 0.5))
    )
    error = site.add("Erf", site.add("Div", x, root, ending="_scaled"), ending="_erf")
    both = site.add("Mul", x, site.add("Add", error, one, ending="_gate"), ending="_product")
    return site.add("Mul", both, half, ending="_gelu")


def _bias(site: Site, use_bias: bool) -> tuple[str, ...]:
    return (site.weight("bias"),) if use_bias else ()


@_emit.register
def _(layer: Conv2D, site: Site) -> str:
    bias = _bias(site, layer.use_bias)
    window = _dilated(site)
    y = site.add("Conv", site.x, site.weight("kernel"), *bias, group=layer.groups, **window)
    return activated(site, layer.activation, y)


@_emit.register
def _(layer: DepthwiseConv2D, site: Site) -> str:
    bias = _bias(site, layer.use_bias)
    groups = site.row.input_shape[-1]
    y = site.add("Conv", site.x, site.weight("kernel"), *bias, group=groups, **_dilated(site))
    return activated(site, layer.activation, y)


@_emit.register
def _(layer: SeparableConv2D, site: Site) -> str:
    groups, ending = site.row.input_shape[-1], "_depthwise"
    kernel = site.weight("depthwise_kernel")
    y = site.add("Conv", site.x, kernel, ending=ending, group=groups, **_dilated(site))
    y = site.add("Conv", y, site.weight("pointwise_kernel"), *_bias(site, layer.use_bias))
    return activated(site, layer.activation, y)


@_emit.register
def _(layer: FixedFilters, site: Site) -> str:
    groups = site.row.input_shape[-1]
    y = site.add("Conv", site.x, site.weight("kernel"), group=groups, **_sliding(site))
    return activated(site, layer.activation, y)


@_emit.register
def _(layer: MaxPooling2D, site: Site) -> str:
    return site.add("MaxPool", site.x, **_sliding(site))


@_emit.register
def _(layer: AveragePooling2D, site: Site) -> str:
    return site.add("AveragePool", site.x, count_include_pad=0, **_sliding(site))


@_emit.register
def _(layer: BlurPool2D, site: Site) -> str:
    window, channels = layer.window(), site.row.input_shape[-1]
    down, along = (np.array(binomial(size), np.float32) for size in window.kernel)
    filters = np.repeat(np.outer(down, along)[None, None], channels, axis=0)
    kernel = site.graph.constant(f"{site.row.name}.filter", filters)
    y = site.add("Conv", site.x, kernel, group=channels, **_sliding(site))
    pads = window.pads(site.row.input_shape)
    if not any(map(any, pads)):
        return y
    shares = [
        1 / _present(site.row.input_shape[axis], pads[axis], weights, window.strides[axis])
        for axis, weights in enumerate((down, along))
    ]
    share = site.graph.constant(f"{site.row.name}.share", np.outer(*shares)[None, None])
    return site.add("Mul", y, share, ending="_of_present")


def _present(
    size: int, pads: tuple[int, int], weights: NDArray[np.float32], stride: int
) -> NDArray[np.float32]:
    """Return the weight of the pixels that exist in each window along one axis."""
    there = np.pad(np.ones(size, np.float32), pads)
    windows = np.lib.stride_tricks.sliding_window_view(there, len(weights))[::stride]
    total: NDArray[np.float32] = windows @ weights
    return total


@_emit.register
def _(layer: GlobalAveragePooling2D, site: Site) -> str:
    return site.add("Flatten", site.add("GlobalAveragePool", site.x), ending="_flat", axis=1)


@_emit.register
def _(layer: GlobalMaxPooling2D, site: Site) -> str:
    return site.add("Flatten", site.add("GlobalMaxPool", site.x), ending="_flat", axis=1)


@_emit.register
def _(layer: ZeroPadding2D, site: Site) -> str:
    (top, bottom), (left, right) = layer.border
    pads = site.graph.integers(f"{site.row.name}.pads", [0, 0, top, left, 0, 0, bottom, right])
    return site.add("Pad", site.x, pads)


@_emit.register
def _(layer: BatchNormalization, site: Site) -> str:
    return _normalised(site, layer, site.x, "")


def _normalised(site: Site, layer: BatchNormalization, x: str, prefix: str) -> str:
    full = f"{site.row.name}.{prefix}moving_mean"
    channels = len(site.weights[full])
    scale = site.weight(f"{prefix}gamma") if layer.scale else _filled(site, channels, 1)
    shift = site.weight(f"{prefix}beta") if layer.center else _filled(site, channels, 0)
    moving = (site.weight(f"{prefix}moving_{name}") for name in ("mean", "variance"))
    ending = "_projection_norm" if prefix else ""
    return site.add(
        "BatchNormalization", x, scale, shift, *moving, ending=ending, epsilon=layer.epsilon
    )


def _filled(site: Site, channels: int, value: float) -> str:
    return site.graph.constant(f"{site.row.name}.{value}", np.full(channels, value, np.float32))


@_emit.register
def _(layer: LayerNormalization, site: Site) -> str:
    channels = site.row.input_shape[-1]
    scale = site.weight("gamma") if layer.scale else _filled(site, channels, 1)
    shift = (site.weight("beta"),) if layer.center else ()
    is_map = len(site.row.input_shape) == 3
    x = site.add("Transpose", site.x, ending="_last", perm=[0, 2, 3, 1]) if is_map else site.x
    y = site.add("LayerNormalization", x, scale, *shift, axis=-1, epsilon=layer.epsilon)
    return site.add("Transpose", y, ending="_first", perm=[0, 3, 1, 2]) if is_map else y


@_emit.register
def _(layer: Activation, site: Site) -> str:
    return activated(site, layer.activation, site.x)


@_emit.register
def _(layer: Dropout, site: Site) -> str:
    return site.x


@_emit.register
def _(layer: Flatten, site: Site) -> str:
    if len(site.row.input_shape) == 1:
        return site.x
    # Channels change fastest, as in Keras.
    last = site.add("Transpose", site.x, ending="_last", perm=[0, 2, 3, 1])
    return site.add("Flatten", last, axis=1)


@_emit.register
def _(layer: Dense, site: Site) -> str:
    bias = _bias(site, layer.use_bias)
    y = site.add("Gemm", site.x, site.weight("kernel"), *bias, transB=1)
    return activated(site, layer.activation, y)


@_emit.register
def _(layer: Add, site: Site) -> str:
    return site.add("Sum", *site.branches)


@_emit.register
def _(layer: Concatenate, site: Site) -> str:
    return site.add("Concat", *site.branches, axis=1)


@_emit.register
def _(layer: Residual, site: Site) -> str:
    return site.add("Add", site.branches[0], _shortcut(layer, site))


def _shortcut(layer: Residual, site: Site) -> str:
    before, after = site.row.input_shape, site.row.output_shape
    projection = layer.projection(before)
    strides = list(layer.total_strides())
    if projection is not None:
        kernel = site.weight("projection.kernel")
        y = site.add("Conv", site.x, kernel, ending="_projection", strides=strides)
        return _normalised(site, projection[1], y, "projection.")
    y = site.x
    if strides != [1, 1]:
        ends = [np.iinfo(np.int64).max] * 2
        names = (("starts", [0, 0]), ("ends", ends), ("axes", [2, 3]), ("steps", strides))
        parts = [site.graph.integers(f"{site.row.name}.{name}", each) for name, each in names]
        y = site.add("Slice", y, *parts, ending="_every")
    if more := after[-1] - before[-1]:
        pads = [0, more // 2, 0, 0, 0, more - more // 2, 0, 0]
        y = site.add("Pad", y, site.graph.integers(f"{site.row.name}.pads", pads), ending="_wider")
    return y
