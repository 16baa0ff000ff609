"""Layers without filters as plain torch."""

from __future__ import annotations

from decimal import Decimal

from convwise.design.activation import LEAKY_RELU_SLOPE, Activation
from convwise.design.blur_pooling import BlurPool2D, binomial
from convwise.design.dense import Dense
from convwise.design.dropout import Dropout
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from convwise.design.layer import Shape
from convwise.design.layer_normalization import LayerNormalization
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Row
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.design.source.layout import Call
from convwise.design.source.lowered import (
    FUNCTIONS,
    SELF,
    Lowered,
    is_even,
    lower,
    padding_of,
    sides,
    size,
)
from convwise.design.window import Window
from convwise.design.zero_padding import ZeroPadding2D

MODULES = {
    "relu": "nn.ReLU()",
    "relu6": "nn.ReLU6()",
    "leaky_relu": f"nn.LeakyReLU({LEAKY_RELU_SLOPE})",
    "elu": "nn.ELU()",
    "gelu": "nn.GELU()",
    "silu": "nn.SiLU()",
    "tanh": "nn.Tanh()",
    "sigmoid": "nn.Sigmoid()",
    "softmax": "nn.Softmax(dim=1)",
}


def batch_norm(layer: BatchNormalization, shape: Shape) -> Call:
    """Return the call that makes a batch normalisation of maps or of flat values."""
    # In decimals, so that 0.99 becomes 0.01 and not 0.010000000000000009.
    momentum = float(1 - Decimal(repr(layer.momentum)))
    words = [str(shape[-1]), f"eps={layer.epsilon}", f"momentum={momentum}"]
    words += ["affine=False"] * (not layer.scale and not layer.center)
    return Call(f"nn.BatchNorm{len(shape) - 1 or 1}d(", tuple(words))


@lower.register
def _(layer: MaxPooling2D, row: Row) -> Lowered:
    window, shape = layer.window(), row.input_shape
    if is_even(window, shape):
        return Lowered(_pool("Max", window, padding_of(window, shape)))
    pad = f'F.pad({{x}}, {sides(window, shape)}, value=float("-inf"))'
    return Lowered(_pool("Max", window), (pad, SELF))


@lower.register
def _(layer: AveragePooling2D, row: Row) -> Lowered:
    window, shape = layer.window(), row.input_shape
    if not is_even(window, shape):
        return Lowered(
            _pool("Avg", window), (f"mean_of_present({{self}}, {{x}}, {sides(window, shape)})",)
        )
    if padding := padding_of(window, shape):
        return Lowered(_pool("Avg", window, padding, "count_include_pad=False"))
    return Lowered(_pool("Avg", window))


def _pool(kind: str, window: Window, *words: str) -> Call:
    own = [] if window.strides == window.kernel else [f"stride={size(window.strides)}"]
    given = [size(window.kernel), *own, *(word for word in words if word)]
    return Call(f"nn.{kind}Pool2d(", tuple(given))


@lower.register
def _(layer: BlurPool2D, row: Row) -> Lowered:
    window = layer.window()
    weights = (str(list(binomial(side))) for side in window.kernel)
    words = (*weights, size(window.strides), sides(window, row.input_shape))
    return Lowered(Call("BlurPool2d(", words))


@lower.register
def _(layer: GlobalAveragePooling2D, row: Row) -> Lowered:
    return Lowered(None, ("{x}.mean(dim=(2, 3))",))


@lower.register
def _(layer: GlobalMaxPooling2D, row: Row) -> Lowered:
    return Lowered(None, ("{x}.amax(dim=(2, 3))",))


@lower.register
def _(layer: ZeroPadding2D, row: Row) -> Lowered:
    rows, columns = layer.border
    zeros = (*columns, *rows)
    return Lowered(f"nn.ZeroPad2d({zeros[0] if len(set(zeros)) == 1 else zeros})")


@lower.register
def _(layer: BatchNormalization, row: Row) -> Lowered:
    return Lowered(batch_norm(layer, row.input_shape), without=_lacks(layer))


@lower.register
def _(layer: LayerNormalization, row: Row) -> Lowered:
    words = [str(row.input_shape[-1]), f"eps={layer.epsilon}"]
    words += ["elementwise_affine=False"] * (not layer.scale and not layer.center)
    made = Call("nn.LayerNorm(", tuple(words))
    stages = (SELF,) if len(row.input_shape) == 1 else (_OVER_CHANNELS,)
    return Lowered(made, stages, _lacks(layer))


_OVER_CHANNELS = "{self}({x}.movedim(1, -1)).movedim(-1, 1)"


def _lacks(layer: BatchNormalization | LayerNormalization) -> tuple[str, ...]:
    """Return what torch gives only together, where the design has one of the two."""
    if layer.scale == layer.center:
        return ()
    return ("bias",) if layer.scale else ("weight",)


@lower.register
def _(layer: Activation, row: Row) -> Lowered:
    return Lowered(MODULES[layer.activation])


@lower.register
def _(layer: Dropout, row: Row) -> Lowered:
    return Lowered(f"nn.Dropout({layer.rate})")


@lower.register
def _(layer: Flatten, row: Row) -> Lowered:
    if len(row.input_shape) == 1:
        return Lowered(None, ("{x}.flatten(1)",))
    order = "row, column, channel"
    return Lowered(None, ("{x}.permute(0, 2, 3, 1).flatten(1)",), note=order)


@lower.register
def _(layer: Dense, row: Row) -> Lowered:
    words = [str(row.input_shape[0]), str(row.output_shape[0])]
    words += ["bias=False"] * (not layer.use_bias)
    after = (FUNCTIONS[layer.activation],) if layer.activation else ()
    return Lowered(Call("nn.Linear(", tuple(words)), (SELF, *after))
