"""A plan as a program for Keras 3: its functional interface, channels last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from convwise.design.blur_pooling import BlurPool2D
from convwise.design.branches import Concatenate
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.fixed_filters import FixedFilters
from convwise.design.layer import Layer, arguments, is_required
from convwise.design.plan import Plan, Row
from convwise.design.pooling import AveragePooling2D
from convwise.design.residual import Residual
from convwise.design.separable import SeparableConv2D
from convwise.design.source.filters import bank_name, banks
from convwise.design.source.keras_classes import AVERAGE, BLUR, EVERY_CHANNEL
from convwise.design.source.layout import Call, lay_out
from convwise.design.source.parts import Name, parts_of
from convwise.design.source.walk import Code, Walk, heading

_UNEQUAL = """\
# {names}: strides of rows and columns differ where each channel is filtered on its own.
# Keras runs that on torch and on JAX; TensorFlow's depthwise convolution refuses it."""


def to_keras(plan: Plan) -> str:
    """Return a Python program whose ``build()`` gives the network as a ``keras.Model``.

    It needs Keras 3 and nothing of convwise. Layers carry the names of the plan's rows (the
    projection of a residual ``add1`` is ``add1_projection`` and ``add1_projection_norm``), and
    first weights are drawn as convwise draws them. A softmax that the design ends in stays. What
    Keras has no layer for (:class:`BlurPool2D`, and average pooling with an odd number of padded
    pixels, where Keras on torch counts border pixels twice) comes along as a small class.

    Raises:
        DesignError: the plan has a problem.

    Example:
        >>> from convwise.design.plan import plan
        >>> print(to_keras(plan("flatten | dense classes", "28x28x1", 10)).split("import keras")[1])
        <BLANKLINE>
        from keras import layers
        <BLANKLINE>
        <BLANKLINE>
        def build():
            \"\"\"Return the network with its first weights.\"\"\"
            inputs = keras.Input((28, 28, 1))
            x = layers.Flatten(name="flatten1")(inputs)
            x = layers.Dense(10, name="dense1")(x)
            return keras.Model(inputs, x)
        <BLANKLINE>
        <BLANKLINE>
        if __name__ == "__main__":
            build().summary()
        <BLANKLINE>
    """
    body = _Keras().chain(parts_of(plan.require()), "inputs", "x").steps
    lines = [
        "def build():",
        '    """Return the network with its first weights."""',
        f"    inputs = keras.Input({plan.image})",
        *lay_out(body, indent=4),
        "    return keras.Model(inputs, x)",
    ]
    blocks = [
        *_classes(plan),
        "\n".join(lines),
        'if __name__ == "__main__":\n    build().summary()',
    ]
    uses_ops = any("ops." in block for block in blocks)
    names = "layers, ops" if uses_ops else "layers"
    maths = "from math import comb\n\n" if any("comb(" in block for block in blocks) else ""
    imports = f"{maths}import keras\nfrom keras import {names}"
    constants = banks(plan)
    head = "\n".join([*heading(plan), *_notes(plan)])
    first = f"{head}\n\n{imports}"
    if constants:
        first += "\n\n" + "\n".join(constants)
    return "\n\n\n".join([first, *blocks]) + "\n"


class _Keras(Walk):
    """Each layer as a call of Keras's functional interface."""

    def layer(self, row: Row, name: Name, source: str, target: str, depth: int) -> Code:
        return _apply(target, *_call(row), name.quoted(), source)

    def shortcut(self, row: Row, name: Name, source: str, target: str) -> Code:
        layer = cast(Residual, row.layer)
        if projection := layer.projection(row.input_shape):
            convolution, norm = projection
            first = _apply(target, *_words(convolution), name.quoted("_projection"), source)
            ending = "_projection_norm"
            return first + _apply(target, *_words(norm), name.quoted(ending), target)
        rows, columns = layer.total_strides()
        part = source
        if (rows, columns) != (1, 1):
            part = f"{source}[:, {_slice(rows)}, {_slice(columns)}]"
        more = row.output_shape[2] - row.input_shape[2]
        if not more:
            return Code((f"{target} = {part}",))
        none = Call("(", ("0", "0"))
        sides = Call("(", (none, none, none, f"({more // 2}, {more - more // 2})"))
        return Code((Call(f"{target} = ops.pad(", (part, sides)),))

    def meet(self, layer: Layer, name: Name, sources: Sequence[str], target: str) -> Code:
        kind = "Concatenate" if isinstance(layer, Concatenate) else "Add"
        head = f"{target} = layers.{kind}(name={name.quoted()})("
        return Code((Call(head, (Call("[", tuple(sources), "]"),)),))


def _apply(target: str, kind: str, words: Sequence[str], name: str, source: str) -> Code:
    return Code((Call(f"{target} = {kind}(", (*words, f"name={name}"), f")({source})"),))


def _call(row: Row) -> tuple[str, list[str]]:
    """Return the class that stands for a row's layer, and its arguments."""
    layer = row.layer
    if isinstance(layer, FixedFilters):
        window = layer.window()
        words = [_value(window.kernel), *_named(layer, skip={"bank"})]
        words.insert(1, f"depth_multiplier={len(layer.filters)}")
        bank = f"depthwise_initializer=EveryChannel({bank_name(layer.bank)})"
        return "layers.DepthwiseConv2D", [*words, "use_bias=False", bank, "trainable=False"]
    kind, words = _words(layer)
    if isinstance(layer, BlurPool2D):
        window = layer.window()
        words = [_value(window.kernel), _value(window.strides), _value(window.padding)]
        return "BlurPool2D", words
    if isinstance(layer, AveragePooling2D) and _is_odd(layer, row):
        window = layer.window()
        words = [_value(window.kernel), _value(window.strides), str(window.pads(row.input_shape))]
        return "AverageOfPresent", words
    return kind, words


def _words(layer: Layer) -> tuple[str, list[str]]:
    """Return Keras's class of a layer and its arguments; the names and defaults are the same."""
    found = arguments(type(layer))
    told = [item.name for item, _ in found if is_required(item)]
    first = found[:1] and found[0][0]
    if not told and first and first.metadata["positional"]:
        told = [first.name]
    values = [_value(getattr(layer, name)) for name in told]
    return f"layers.{type(layer).__name__}", [*values, *_named(layer, skip=set(told))]


def _named(layer: Layer, skip: set[str]) -> Iterator[str]:
    for item, argument in arguments(type(layer)):
        value = getattr(layer, item.name)
        if item.name in skip or value == argument.check(item.default):
            continue
        yield f"{item.name}={_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple) and value[0] == value[1]:
        return _value(value[0])
    return str(value)


def _slice(stride: int) -> str:
    return f"::{stride}" if stride > 1 else ":"


def _is_odd(layer: AveragePooling2D, row: Row) -> bool:
    """Return whether an odd number of pixels is padded, which Keras on torch averages wrongly."""
    return any(before != after for before, after in layer.window().pads(row.input_shape))


def _classes(plan: Plan) -> Iterator[str]:
    """Give the classes that Keras lacks and the plan needs."""
    if any(isinstance(row.layer, FixedFilters) for row in plan.rows):
        yield EVERY_CHANNEL
    if any(isinstance(row.layer, BlurPool2D) for row in plan.rows):
        yield BLUR
    averages = ((row.layer, row) for row in plan.rows)
    if any(isinstance(layer, AveragePooling2D) and _is_odd(layer, row) for layer, row in averages):
        yield AVERAGE


def _notes(plan: Plan) -> Iterator[str]:
    unequal = [row.name for row in plan.rows if _is_unequal(row.layer)]
    if unequal:
        names = ", ".join(unequal[:3]) + (", …" if len(unequal) > 3 else "")
        yield "#"
        yield from _UNEQUAL.format(names=names).splitlines()


def _is_unequal(layer: Layer) -> bool:
    if not isinstance(layer, DepthwiseConv2D | SeparableConv2D | FixedFilters | BlurPool2D):
        return False
    rows, columns = layer.window().strides
    return rows != columns
