"""A plan as a program for torch: one module, with nothing but torch in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from convwise.design.branches import Concatenate
from convwise.design.layer import Layer
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Plan, Row
from convwise.design.residual import Residual
from convwise.design.source.filters import banks
from convwise.design.source.layout import INDENT, WIDTH, Call, Statement, lay_out
from convwise.design.source.lowered import Lowered, is_even, lower
from convwise.design.source.parts import Name, parts_of
from convwise.design.source.torch_convolutions import convolution
from convwise.design.source.torch_functions import BLUR, FIRST_WEIGHTS, FIXED, MEAN
from convwise.design.source.torch_layers import batch_norm
from convwise.design.source.walk import Code, Walk, heading

_SELF = 2 * INDENT

_NORM_NOTE = """\
# torch's momentum is one minus Keras's. In training torch moves running_var by the batch's
# unbiased variance, n / (n - 1) of the biased one that Keras takes."""
_PAD_NOTE = """\
# F.pad puts the odd pixel of padding="same" below and at the right, as Keras does."""


def to_torch(plan: Plan) -> str:
    """Return a Python program whose ``Network`` is the network as a ``torch.nn.Module``.

    It needs torch and nothing of convwise. It takes (batch, channels, height, width); modules
    carry the names of the plan's rows, and first weights are drawn as convwise draws them. A
    softmax that the design ends in stays.

    Raises:
        DesignError: the plan has a problem.

    Example:
        >>> from convwise.design.plan import plan
        >>> print(to_torch(plan("flatten | dense classes", "28x28x1", 10)).split("super()")[1])
        ... # doctest: +ELLIPSIS
        .__init__()
                self.dense1 = nn.Linear(784, 10)
        ...
            def forward(self, x):
                x = x.permute(0, 2, 3, 1).flatten(1)  # flatten1: row, column, channel
                x = self.dense1(x)
                return x
        ...
    """
    code = _Torch().chain(parts_of(plan.require()), "x", "x")
    network = "\n".join(_network(plan, code))
    helpers = [text for word, text in _HELPERS.items() if word in network]
    height, width, channels = plan.image
    first = f"Network()(torch.zeros(1, {channels}, {height}, {width}))"
    main = f'if __name__ == "__main__":\n    print({first}.shape)'
    blocks = [*helpers, network, main]
    functional = any("F." in block for block in blocks)
    imports = ["import torch", *["import torch.nn.functional as F"] * functional]
    head = "\n".join([*heading(plan), *_notes(plan), "", *imports, "from torch import nn"])
    constants = banks(plan)
    if constants:
        head += "\n\n" + "\n".join(constants)
    return "\n\n\n".join([head, *blocks]) + "\n"


_HELPERS = {"fixed_filters(": FIXED, "mean_of_present(": MEAN, "BlurPool2d(": BLUR}
"""What a program brings along, by the word that calls for it."""


class _Torch(Walk):
    """Each layer as a member of the module and a line of its forward."""

    def layer(self, row: Row, name: Name, source: str, target: str, depth: int) -> Code:
        lowered = lower(row.layer, row)
        steps = _steps(lowered, name, source, target, WIDTH - _SELF - depth * INDENT)
        if lowered.module is None:
            return Code(tuple(steps))
        members: list[Statement] = [_member(name, lowered.module)]
        members += [f"{_get(name)}.{each} = None" for each in lowered.without]
        return Code(tuple(steps), tuple(members))

    def shortcut(self, row: Row, name: Name, source: str, target: str) -> Code:
        layer = cast(Residual, row.layer)
        if projection := layer.projection(row.input_shape):
            conv, norm = projection
            made = convolution(row.input_shape[2], conv.filters, conv.window(), use_bias=False)
            both = Call("nn.Sequential(", (made, batch_norm(norm, row.output_shape)))
            step = f"{target} = {_get(name, '_projection')}({source})"
            return Code((step,), (_member(name, both, "_projection"),))
        rows, columns = layer.total_strides()
        part = source if (rows, columns) == (1, 1) else f"{source}[:, :, ::{rows}, ::{columns}]"
        more = row.output_shape[2] - row.input_shape[2]
        sides = f"(0, 0, 0, 0, {more // 2}, {more - more // 2})"
        return Code((f"{target} = F.pad({part}, {sides})" if more else f"{target} = {part}",))

    def meet(self, layer: Layer, name: Name, sources: Sequence[str], target: str) -> Code:
        if isinstance(layer, Concatenate):
            joined = Call("[", tuple(sources), "]")
            return Code((Call(f"{target} = torch.cat(", (joined, "dim=1")),))
        if len(sources) > 4:
            return Code((Call(f"{target} = sum(", (Call("[", tuple(sources), "]"),)),))
        return Code((f"{target} = {' + '.join(sources)}  # {name.text}",))


def _member(name: Name, module: str | Call, ending: str = "") -> Statement:
    if not name.is_fixed:
        return Call("self.add_module(", (name.quoted(ending), module))
    head = f"self.{name.text}{ending} = "
    if isinstance(module, str):
        return head + module
    return Call(head + module.head, module.arguments, module.tail)


def _get(name: Name, ending: str = "") -> str:
    return f"self.{name.text}{ending}" if name.is_fixed else f"getattr(self, {name.quoted(ending)})"


def _steps(lowered: Lowered, name: Name, source: str, target: str, width: int) -> Iterator[str]:
    """Write the stages of a layer inside each other where that fits, else line by line."""
    member = _get(name)
    whole = source
    for stage in lowered.stages:
        whole = stage.format(self=member, x=whole)
    note = ""
    if lowered.module is None:
        note = f"  # {name.text}: {lowered.note}" if lowered.note else f"  # {name.text}"
    if len(f"{target} = {whole}{note}") <= width:
        yield f"{target} = {whole}{note}"
        return
    for stage in lowered.stages:
        yield f"{target} = {stage.format(self=member, x=source)}"
        source = target


def _network(plan: Plan, code: Code) -> Iterator[str]:
    height, width, channels = plan.image
    sizes = f"(batch, {channels}, {height}, {width}) → (batch, {plan.classes})"
    yield "class Network(nn.Module):"
    yield f'    """{sizes}."""'
    yield ""
    yield "    def __init__(self):"
    yield "        super().__init__()"
    yield from lay_out(code.members, _SELF)
    if any(weight.name.endswith("kernel") for row in plan.rows for weight in row.weights):
        yield from FIRST_WEIGHTS.splitlines()
    yield ""
    yield "    def forward(self, x):"
    yield from lay_out(code.steps, _SELF)
    yield "        return x"


def _notes(plan: Plan) -> Iterator[str]:
    """Give comments on what differs from Keras, where the program has it."""
    projected = any(row.weights for row in plan.rows if isinstance(row.layer, Residual))
    if projected or any(isinstance(row.layer, BatchNormalization) for row in plan.rows):
        yield "#"
        yield from _NORM_NOTE.splitlines()
    windows = ((row.layer.window(), row.input_shape) for row in plan.rows)
    if any(window and not is_even(window, shape) for window, shape in windows):
        yield "#"
        yield from _PAD_NOTE.splitlines()
