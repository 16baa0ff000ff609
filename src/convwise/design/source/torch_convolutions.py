"""Layers with filters as plain torch."""

from __future__ import annotations

from convwise.design.conv import Conv2D
from convwise.design.convolution import Convolution
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.fixed_filters import FixedFilters
from convwise.design.plan import Row
from convwise.design.separable import SeparableConv2D
from convwise.design.source.filters import bank_name
from convwise.design.source.layout import Call
from convwise.design.source.lowered import (
    FUNCTIONS,
    SELF,
    Lowered,
    is_even,
    lower,
    named,
    padding_of,
    sides,
    size,
)
from convwise.design.window import Window


def convolution(
    inputs: int,
    filters: int,
    window: Window,
    padding: str = "",
    *,
    groups: int = 1,
    use_bias: bool = True,
) -> Call:
    """Return the call that makes a convolution; ``padding`` is an argument of it, or empty."""
    words = [str(inputs), str(filters), size(window.kernel), *named("stride", window.strides)]
    words += [padding] * bool(padding) + list(named("dilation", window.dilation))
    words += [f"groups={groups}"] * (groups > 1) + ["bias=False"] * (not use_bias)
    return Call("nn.Conv2d(", tuple(words))


def _convolved(
    layer: Convolution, row: Row, module: Call | None = None
) -> tuple[str, tuple[str, ...]]:
    """Return a convolution's argument for padding, and its stages."""
    window, shape = layer.window(), row.input_shape
    after = (FUNCTIONS[layer.activation],) if layer.activation else ()
    if not is_even(window, shape):
        return "", (f"F.pad({{x}}, {sides(window, shape)})", SELF, *after)
    padding = padding_of(window, shape)
    return ('padding="same"' if padding and window.strides == (1, 1) else padding), (SELF, *after)


@lower.register
def _(layer: Conv2D, row: Row) -> Lowered:
    padding, stages = _convolved(layer, row)
    inputs, groups = row.input_shape[2], layer.groups
    made = convolution(
        inputs, layer.filters, layer.window(), padding, groups=groups, use_bias=layer.use_bias
    )
    return Lowered(made, stages)


@lower.register
def _(layer: DepthwiseConv2D, row: Row) -> Lowered:
    padding, stages = _convolved(layer, row)
    inputs, outputs = row.input_shape[2], row.output_shape[2]
    made = convolution(
        inputs, outputs, layer.window(), padding, groups=inputs, use_bias=layer.use_bias
    )
    return Lowered(made, stages)


@lower.register
def _(layer: SeparableConv2D, row: Row) -> Lowered:
    padding, stages = _convolved(layer, row)
    inputs = row.input_shape[2]
    between = inputs * layer.depth_multiplier
    depthwise = convolution(inputs, between, layer.window(), padding, groups=inputs, use_bias=False)
    pointwise = convolution(between, layer.filters, Window((1, 1)), use_bias=layer.use_bias)
    return Lowered(Call("nn.Sequential(", (depthwise, pointwise)), stages)


@lower.register
def _(layer: FixedFilters, row: Row) -> Lowered:
    padding, stages = _convolved(layer, row)
    words = [str(row.input_shape[2]), bank_name(layer.bank)]
    words += [*named("stride", layer.window().strides), *[padding] * bool(padding)]
    return Lowered(Call("fixed_filters(", tuple(words)), stages)
