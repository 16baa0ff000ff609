"""A trained model as one ONNX file: uint8 pixels in, probabilities out, the contract in it.

The graph is written from the plan, not traced from torch: each layer becomes the operator that
means the same, under the plan's name, so nothing of torch's is in the file and no exporter is
needed. That it computes the same is tested layer by layer, and checked again after each export.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from convwise.design.activation import Activation
from convwise.design.dense import Dense
from convwise.design.plan import Row
from convwise.errors import ModelFileError
from convwise.image import ImageFormat
from convwise.model.trained import TrainedModel
from convwise.model.weights import weights_of
from convwise.ship.extras import require
from convwise.ship.onnx_graph import IR_VERSION, OPSET, Graph
from convwise.ship.onnx_layers import Site, emit
from convwise.ship.onnx_resize import resized

INPUT, OUTPUT = "pixels", "probabilities"
METADATA_KEY = "convwise"
# A protocol buffer cannot be larger than 2 GiB; what is not weights takes a few kilobytes.
MAX_WEIGHT_BYTES = 2**31 - 2**24


def onnx_bytes(model: TrainedModel, *, resize_inside: bool = False) -> bytes:
    """Return an ONNX file of a model.

    Args:
        model: what to write.
        resize_inside: take pictures of any size, and bring them to the model's by its own rule.

    Returns:
        A graph from ``pixels``, uint8 (batch, height, width, channels), to ``probabilities``,
        float32 (batch, classes); scaling, temperature and softmax are inside.

    Raises:
        MissingExtraError: ``onnx`` is not installed.
        ModelFileError: the weights are more than an ONNX file can hold.
    """
    onnx = require("onnx", "export")
    weights = {name: value.numpy() for name, value in weights_of(model.network).items()}
    size = sum(value.nbytes for value in weights.values())
    if size > MAX_WEIGHT_BYTES:
        raise ModelFileError(
            f"{size:,} bytes of weights are more than one ONNX file can hold"
            f" ({MAX_WEIGHT_BYTES:,}); export to openvino or keras instead"
        )
    graph = Graph()
    x = resized(graph, INPUT, model.image_format) if resize_inside else INPUT
    x = _scaled(graph, x, model.image_format)
    logits = _chain(graph, model.network.plan.tree, x, weights, model.network.plan.rows[-1])
    _probabilities(graph, logits, model.temperature)
    sides = ("height", "width") if resize_inside else model.image_format.shape[:2]
    helper, types = onnx.helper, onnx.TensorProto
    shape = ["batch", *sides, model.image_format.channels]
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "convwise",
            [helper.make_tensor_value_info(INPUT, types.UINT8, shape)],
            [helper.make_tensor_value_info(OUTPUT, types.FLOAT, ["batch", len(model.classes)])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="convwise",
        producer_version=version("convwise"),
    )
    helper.set_model_props(made, {METADATA_KEY: json.dumps(contract(model, resize_inside))})
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString()
    return content


def contract(model: TrainedModel, resize_inside: bool = False) -> dict[str, Any]:
    """Return what an exported file says of itself: classes, ImageFormat, name, temperature."""
    return {
        "name": model.name,
        "classes": list(model.classes),
        "image_format": model.image_format.to_dict(),
        "temperature": model.temperature,
        "resize_inside": resize_inside,
    }


def _scaled(graph: Graph, pixels: str, image_format: ImageFormat) -> str:
    """Write (pixel / 255 - mean) / std as one factor and one term a channel, channels first."""
    std, mean = (np.array(each, np.float64) for each in (image_format.std, image_format.mean))
    factor = graph.constant("pixel_factor", (1 / (255 * std)).astype(np.float32))
    term = graph.constant("pixel_term", (-mean / std).astype(np.float32))
    x = graph.add("Cast", [pixels], "pixel_values", to=1)
    x = graph.add("Mul", [x, factor], "pixel_scaled")
    x = graph.add("Add", [x, term], "pixel_input")
    return graph.add("Transpose", [x], "channels_first", perm=[0, 3, 1, 2])


def _chain(graph: Graph, rows: tuple[Row, ...], x: str, weights: Any, last: Row) -> str:
    for row in rows:
        branches = tuple(_chain(graph, branch, x, weights, last) for branch in row.branches)
        # The temperature divides logits, so a softmax at the very end comes after it.
        if row is last and row.layer == Activation("softmax"):
            continue
        if row is last and isinstance(row.layer, Dense) and row.layer.activation == "softmax":
            row = replace(row, layer=replace(row.layer, activation=None))
        x = emit(Site(graph, row, x, branches, weights))
    return x


def _probabilities(graph: Graph, logits: str, temperature: float) -> str:
    if temperature != 1.0:
        divisor = graph.constant("temperature", np.float32(temperature))
        logits = graph.add("Div", [logits, divisor], "calibrated")
    return graph.add("Softmax", [logits], OUTPUT, axis=1)
