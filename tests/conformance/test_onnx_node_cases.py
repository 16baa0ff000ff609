"""ONNX's own cases for convolution, pooling and normalisation, run through our layers.

The cases come with the onnx package: those that it generates for each operator, and single
operators that were once exported from PyTorch, with stored inputs and outputs.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.case.node as generated
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from convwise.design import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    Network,
    ZeroPadding2D,
    plan,
)
from convwise.geometry import output_size, same_padding
from convwise.model.lower import lower

MODULES = (
    "conv",
    "maxpool",
    "averagepool",
    "globalaveragepool",
    "globalmaxpool",
    "batch_normalization",
)
OPERATORS = (
    "Conv",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "BatchNormalization",
)
STORED = Path(onnx.backend.test.__file__).parent / "data"

Array = NDArray[Any]


class CannotSay(Exception):  # noqa: N818 - it carries a reason, it is never shown
    """Our layers have no words for a case; the message says what is missing."""


@dataclass(frozen=True)
class Case:
    """One operator with its attributes, inputs and outputs."""

    name: str
    operator: str
    attributes: dict[str, Any]
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]

    @classmethod
    def of(cls, name: str, node: Any, inputs: list[Array], outputs: list[Array]) -> Case:
        values = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        return cls(name, node.op_type, values, tuple(inputs), tuple(outputs))

    @property
    def is_2d(self) -> bool:
        return self.inputs[0].ndim == 4


def generated_cases() -> Iterator[Case]:
    for module in MODULES:
        importlib.import_module(f"{generated.__name__}.{module}")
    for case in generated._NodeTestCases:
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in OPERATORS:
            yield Case.of(case.name, nodes[0], *case.data_sets[0])


def stored_cases() -> Iterator[Case]:
    for folder in sorted(STORED.glob("pytorch-*/*")):
        graph = onnx.load(folder / "model.onnx").graph
        if [node.op_type in OPERATORS for node in graph.node] != [True]:
            continue
        weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        first = stored(folder / "test_data_set_0/input_0.pb")
        inputs = [weights.get(name, first) for name in graph.node[0].input]
        output = stored(folder / "test_data_set_0/output_0.pb")
        yield Case.of(folder.name, graph.node[0], inputs, [output])


def stored(path: Path) -> Array:
    return numpy_helper.to_array(onnx.load_tensor(path))


CASES = [case for case in (*generated_cases(), *stored_cases()) if case.is_2d]


def said(case: Case) -> tuple[Layer, ...]:
    """Return the layers that say what a case says.

    Raises:
        CannotSay: there are none.
    """
    given = case.attributes
    if case.inputs[0].dtype != np.float32:
        raise CannotSay("values that are no floats")
    match case.operator:
        case "Conv":
            return said_convolution(case)
        case "MaxPool" | "AveragePool":
            return said_pooling(case)
        case "GlobalAveragePool":
            return (GlobalAveragePooling2D(),)
        case "GlobalMaxPool":
            return (GlobalMaxPooling2D(),)
    momentum, epsilon = given.get("momentum", 0.9), given.get("epsilon", 1e-5)
    return (BatchNormalization(momentum=momentum, epsilon=epsilon),)


def said_convolution(case: Case) -> tuple[Layer, ...]:
    given, kernel = case.attributes, case.inputs[1]
    strides = tuple(given.get("strides", (1, 1)))
    dilation = tuple(given.get("dilations", (1, 1)))
    if max(strides) > 1 and max(dilation) > 1:
        raise CannotSay("strides and dilation both above 1")
    pads = pads_of(case, tuple(kernel.shape[2:]), strides, dilation)
    convolution = Conv2D(
        kernel.shape[0],
        tuple(kernel.shape[2:]),  # type: ignore[arg-type]
        strides,  # type: ignore[arg-type]
        use_bias=len(case.inputs) > 2,
        dilation_rate=dilation,  # type: ignore[arg-type]
        groups=given.get("group", 1),
    )
    return (ZeroPadding2D(pads), convolution) if any(map(any, pads)) else (convolution,)


def said_pooling(case: Case) -> tuple[Layer, ...]:
    given = case.attributes
    size, strides = tuple(given["kernel_shape"]), tuple(given.get("strides", (1, 1)))
    if len(case.outputs) > 1:
        raise CannotSay("places of the largest values")
    if max(given.get("dilations", (1, 1))) > 1:
        raise CannotSay("dilated pooling")
    pads = pads_of(case, size, strides, (1, 1))
    kind: Any = MaxPooling2D if case.operator == "MaxPool" else AveragePooling2D
    sides = case.inputs[0].shape[2:]
    wanted = case.outputs[0].shape[2:]
    axes = list(zip(sides, size, strides, strict=True))
    # Zeros that neither win nor count: as many places, and as much before the map, is the same.
    as_same = [(same_padding(*axis)[0], output_size(*axis, "same")) for axis in axes]
    starts = [pad[0] for pad in pads]
    counts_zeros = bool(given.get("count_include_pad")) and any(map(any, pads))
    if as_same == list(zip(starts, wanted, strict=True)) and not counts_zeros:
        return (kind(size, strides, "same"),)
    padded = [side + sum(pad) for side, pad in zip(sides, pads, strict=True)]
    whole = [output_size(*axis) for axis in zip(padded, size, strides, strict=True)]
    if tuple(whole) != tuple(wanted):
        raise CannotSay("a last window that hangs over the border (ceil_mode)")
    if not any(map(any, pads)):
        return (kind(size, strides),)
    if counts_zeros:
        return (ZeroPadding2D(pads), kind(size, strides))
    raise CannotSay("other padding that does not count than that of same")


def pads_of(case: Case, size: Any, strides: Any, dilation: Any) -> Any:
    """Return ((top, bottom), (left, right)), worked out where the case leaves that to a rule."""
    rule = case.attributes.get("auto_pad", b"NOTSET").decode()
    if rule in ("NOTSET", "VALID"):
        top, left, bottom, right = case.attributes.get("pads", (0, 0, 0, 0))
        return (top, bottom), (left, right)
    axes = zip(case.inputs[0].shape[2:], size, strides, dilation, strict=True)
    rows, columns = (same_padding(*axis) for axis in axes)
    return (rows, columns) if rule == "SAME_UPPER" else (rows[::-1], columns[::-1])


def reason(case: Case) -> str:
    try:
        said(case)
    except CannotSay as why:
        return str(why)
    return ""


SAID = [case for case in CASES if not reason(case)]


def computed(case: Case) -> list[Array]:
    """Run a case through our layers; a normalisation in training also gives its averages."""
    x = torch.from_numpy(case.inputs[0].copy())
    _, channels, height, width = x.shape
    # An image is grey or has three colours; the first layer makes it as wide as the case.
    network = Network((Conv2D(channels, 1), *said(case)))
    training = bool(case.attributes.get("training_mode"))
    averages: list[Array] = []
    with torch.no_grad():
        for row in plan(network, (height, width, 1), 2).rows[1:]:
            module = lower(row).train(training)
            names = {
                Conv2D: ("kernel", "bias"),
                BatchNormalization: ("gamma", "beta", "moving_mean", "moving_variance"),
            }.get(type(row.layer), ())  # type: ignore[call-overload]
            state = module.state_dict()
            assert list(state) == list(names[: len(state)])
            for name, value in zip(names, case.inputs[1:], strict=False):
                state[name].copy_(torch.from_numpy(value.copy()))
            x = module(x)
            averages = [state[name].numpy() for name in names if training and "moving" in name]
    return [x.numpy().reshape(case.outputs[0].shape), *averages]


# ONNX writes the outputs of this one with four decimals.
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-4}


@pytest.mark.parametrize("case", SAID, ids=lambda case: case.name)
def test_a_case_gives_what_onnx_gives(case: Case) -> None:
    found = computed(case)
    assert len(found) == len(case.outputs)
    for array, expected in zip(found, case.outputs, strict=True):
        tolerance = ROUNDED.get(case.name, 1e-5)
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=tolerance)


def test_how_many_cases_there_are_and_how_many_our_layers_say() -> None:
    assert Counter(case.operator for case in CASES) == {
        "Conv": 18,
        "MaxPool": 16,
        "AveragePool": 15,
        "GlobalAveragePool": 2,
        "GlobalMaxPool": 2,
        "BatchNormalization": 6,
    }
    assert Counter(case.operator for case in SAID) == {
        "Conv": 17,
        "MaxPool": 9,
        "AveragePool": 12,
        "GlobalAveragePool": 2,
        "GlobalMaxPool": 2,
        "BatchNormalization": 6,
    }
    assert (len(CASES), len(SAID)) == (59, 48)


def test_why_the_others_cannot_be_said() -> None:
    found = {case.name: reason(case) for case in CASES if reason(case)}
    places, dilated = "places of the largest values", "dilated pooling"
    padding = "other padding that does not count than that of same"
    assert found == {
        "test_Conv2d_dilated": "strides and dilation both above 1",
        "test_MaxPool2d_stride_padding_dilation": dilated,
        "test_averagepool_2d_dilations": dilated,
        "test_averagepool_2d_pads": padding,
        "test_averagepool_2d_same_lower": padding,
        "test_maxpool_2d_dilations": dilated,
        "test_maxpool_2d_pads": padding,
        "test_maxpool_2d_same_lower": padding,
        "test_maxpool_2d_uint8": "values that are no floats",
        "test_maxpool_with_argmax_2d_precomputed_pads": places,
        "test_maxpool_with_argmax_2d_precomputed_strides": places,
    }
