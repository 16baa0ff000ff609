"""One layer of a design → layers of a Keras model, with the weights in Keras's order of sides.

What Keras has no layer for is put together from those that it has, so that a file needs no code.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.design.blur_pooling import BlurPool2D, binomial
from convwise.design.branches import Add, Concatenate
from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.fixed_filters import FixedFilters
from convwise.design.layer import Layer, arguments
from convwise.design.plan import Row
from convwise.design.pooling import AveragePooling2D
from convwise.design.residual import Residual
from convwise.design.separable import SeparableConv2D
from convwise.design.window import Window
from convwise.ship.keras_graph import KerasLayer

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Site:
    """Where a layer is written.

    Args:
        layers: those of the model so far; more are added.
        row: of the layer.
        x: name of the layer that feeds it.
        branches: names of the ends of the layer's own branches.
        weights: all weights of the network, by the model file's names.
    """

    layers: list[KerasLayer]
    row: Row
    x: str
    branches: tuple[str, ...]
    weights: Weights

    def add(
        self,
        kind: str,
        *inputs: str,
        ending: str = "",
        weights: tuple[NDArray[np.float32], ...] = (),
        shape: tuple[int, ...] | None = None,
        **config: Any,
    ) -> str:
        """Add a layer that is named after the row and return its name."""
        name = self.row.name + ending
        shape = self.row.output_shape if shape is None else shape
        contiguous = tuple(np.ascontiguousarray(each, np.float32) for each in weights)
        self.layers.append(KerasLayer(name, kind, config, inputs, shape, contiguous))
        return name

    def weight(self, name: str) -> NDArray[np.float32]:
        """Return a weight of the layer."""
        return self.weights[f"{self.row.name}.{name}"]


def emit(site: Site) -> str:
    """Write a layer and return the name of the Keras layer that gives its output."""
    return _emit(site.row.layer, site)


def config_of(layer: Layer) -> dict[str, Any]:
    """Return the arguments of a layer that Keras has too; names and meaning are the same."""
    return {
        item.name: argument.to_json(getattr(layer, item.name))
        for item, argument in arguments(type(layer))
    }


@functools.singledispatch
def _emit(layer: Layer, site: Site) -> str:
    config = config_of(layer)
    names = [weight.name for weight in site.row.weights]
    weights = tuple(_turned(layer, name, site.weight(name)) for name in names)
    return site.add(type(layer).__name__, site.x, weights=weights, **config)


def _turned(layer: Layer, name: str, value: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a weight with its sides in Keras's order."""
    if isinstance(layer, Dense) and name == "kernel":
        return value.T
    if value.ndim != 4:
        return value
    if isinstance(layer, DepthwiseConv2D | SeparableConv2D) and name != "pointwise_kernel":
        return depthwise(value, layer.depth_multiplier)
    return value.transpose(2, 3, 1, 0)


def depthwise(value: NDArray[np.float32], multiplier: int) -> NDArray[np.float32]:
    """(channels × multiplier, 1, rows, columns) → (rows, columns, channels, multiplier)."""
    rows, columns = value.shape[2:]
    return value.reshape(-1, multiplier, rows, columns).transpose(2, 3, 0, 1)


@_emit.register
def _(layer: FixedFilters, site: Site) -> str:
    window, count = layer.window(), len(layer.filters)
    return site.add(
        "DepthwiseConv2D",
        site.x,
        weights=(depthwise(site.weight("kernel"), count),),
        kernel_size=window.kernel,
        strides=window.strides,
        padding=window.padding,
        depth_multiplier=count,
        activation=layer.activation,
        use_bias=False,
        trainable=False,
    )


@_emit.register
def _(layer: BlurPool2D, site: Site) -> str:
    window, channels = layer.window(), site.row.input_shape[-1]
    down, along = (np.array(binomial(size), np.float32) for size in window.kernel)
    kernel = np.repeat(np.outer(down, along)[None, None], channels, axis=0)
    pads = window.pads(site.row.input_shape)
    scaled = any(map(any, pads))
    blurred = site.add(
        "DepthwiseConv2D",
        site.x,
        ending="_sum" if scaled else "",
        weights=(depthwise(kernel, 1),),
        kernel_size=window.kernel,
        strides=window.strides,
        padding=window.padding,
        use_bias=False,
        trainable=False,
    )
    return _of_present(site, blurred, (down, along), window) if scaled else blurred


@_emit.register
def _(layer: AveragePooling2D, site: Site) -> str:
    window = layer.window()
    pads = window.pads(site.row.input_shape)
    if all(before == after for before, after in pads):
        return site.add("AveragePooling2D", site.x, **config_of(layer))
    # Keras on torch counts pixels of the border twice where an odd number of them is padded.
    (top, bottom), (left, right) = pads
    height, width, channels = site.row.input_shape
    shape = (height + top + bottom, width + left + right, channels)
    padded = site.add("ZeroPadding2D", site.x, ending="_pad", shape=shape, padding=pads)
    means = site.add(
        "AveragePooling2D",
        padded,
        ending="_sum",
        pool_size=window.kernel,
        strides=window.strides,
        padding="valid",
    )
    even = tuple(np.full(size, 1 / size, np.float32) for size in window.kernel)
    return _of_present(site, means, (even[0], even[1]), window)


def _of_present(
    site: Site,
    sums: str,
    weights: tuple[NDArray[np.float32], NDArray[np.float32]],
    window: Window,
) -> str:
    """Divide weighted sums of windows by the weight of the pixels that exist in each."""
    shares = []
    for axis, (weight, pads) in enumerate(
        zip(weights, window.pads(site.row.input_shape), strict=True)
    ):
        there = np.pad(np.ones(site.row.input_shape[axis]), pads)
        windows = np.lib.stride_tricks.sliding_window_view(there, len(weight))
        shares.append(1 / (windows[:: window.strides[axis]] @ weight))
    scale = np.outer(*shares)[:, :, None].tolist()
    return site.add("Rescaling", sums, scale=scale, offset=0.0)


@_emit.register
def _(layer: Add, site: Site) -> str:
    return site.add("Add", *site.branches)


@_emit.register
def _(layer: Concatenate, site: Site) -> str:
    return site.add("Concatenate", *site.branches, axis=-1)


@_emit.register
def _(layer: Residual, site: Site) -> str:
    return site.add("Add", site.branches[0], _shortcut(layer, site))


def _shortcut(layer: Residual, site: Site) -> str:
    before, after = site.row.input_shape, site.row.output_shape
    if before == after:
        return site.x
    projection = layer.projection(before)
    if projection is None:
        # Every stride-th pixel between channels of zeros, as a convolution with ones and zeros.
        kernel = np.eye(after[-1], before[-1], -((after[-1] - before[-1]) // 2), np.float32)
        convolution = Conv2D(after[-1], 1, layer.total_strides(), use_bias=False)
        return site.add(
            "Conv2D",
            site.x,
            ending="_shortcut",
            weights=(kernel.T[None, None],),
            **config_of(convolution),
            trainable=False,
        )
    convolution, norm = projection
    y = site.add(
        "Conv2D",
        site.x,
        ending="_projection",
        weights=(site.weight("projection.kernel").transpose(2, 3, 1, 0),),
        **config_of(convolution),
    )
    names = [weight.name for weight in norm.weights(after)]
    return site.add(
        type(norm).__name__,
        y,
        ending="_projection_norm",
        weights=tuple(site.weight(f"projection.{name}") for name in names),
        **config_of(norm),
    )


def without_softmax(row: Row) -> Row | None:
    """Return the last row so that it gives logits; None where it was nothing but a softmax."""
    if config_of(row.layer).get("activation") != "softmax":
        return row
    if isinstance(row.layer, Dense):
        return replace(row, layer=replace(row.layer, activation=None))
    return None
