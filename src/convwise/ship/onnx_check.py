"""Whether an ONNX file is one that convwise wrote: checked as data, before any runtime sees it."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

from convwise.errors import ConvwiseError, ModelFileError
from convwise.image import ImageFormat
from convwise.model.weights import shown
from convwise.ship.extras import require
from convwise.ship.onnx_model import INPUT, METADATA_KEY, OUTPUT

MAX_BYTES = 2**31 - 1
MAX_NODES = 100_000
MAX_RANK = 8
_NAMES = """
    Abs Add AveragePool BatchNormalization Cast Clip Concat Conv DequantizeLinear Div Elu Erf
    Flatten Floor Gather Gemm GlobalAveragePool GlobalMaxPool Greater Identity
    LayerNormalization LeakyRelu LessOrEqual MatMul Max MaxPool Mul Neg Pad QuantizeLinear Range
    ReduceSum Relu Reshape Shape Sigmoid Slice Softmax Sqrt Squeeze Sub Sum Tanh Transpose
    Unsqueeze Where
"""
OPERATORS = frozenset(_NAMES.split())
_TYPE_BYTES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 11: 8}  # float, uint8, int8, int32, int64, …


def check_onnx(path: Path) -> dict[str, Any]:
    """Check an ONNX file and return what it says of itself.

    Raises:
        ModelFileError: it is damaged, holds what convwise never writes (operators of other
            domains, functions, graphs in graphs, weights in other files), or a weight is of
            another length than its shape says.
        MissingExtraError: ``onnx`` is not installed.
    """
    onnx = require("onnx", "export")
    if not path.is_file():
        raise ModelFileError("does not exist, or is no file")
    if path.stat().st_size > MAX_BYTES:
        raise ModelFileError(f"is larger than the {MAX_BYTES:,} bytes that an ONNX file can have")
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except Exception as error:  # of a binding, whose errors share no type
        raise ModelFileError(f"is no ONNX file, or damaged ({str(error)[:120]})") from None
    graph = model.graph
    if model.functions or model.training_info or graph.sparse_initializer:
        raise ModelFileError("holds functions, a training or sparse weights; nothing here does")
    _check_nodes(graph)
    for tensor in graph.initializer:
        _check_tensor(tensor, shown(tensor.name))
    if [each.name for each in graph.input] != [INPUT] or [each.name for each in graph.output] != [
        OUTPUT
    ]:
        raise ModelFileError(f"does not lead from {INPUT} to {OUTPUT}; convwise did not write it")
    return _contract(model)


def _check_nodes(graph: Any) -> None:
    if not 0 < len(graph.node) <= MAX_NODES:
        raise ModelFileError(f"has {len(graph.node):,} nodes; 1 to {MAX_NODES:,} are read")
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            raise ModelFileError(
                f"{shown(node.name)} is a {node.op_type[:60]!r}, which convwise never writes"
            )
        for attribute in node.attribute:
            if attribute.g.node or attribute.graphs or attribute.sparse_tensors:
                raise ModelFileError(f"{shown(node.name)} holds a graph of its own")
            if attribute.t.dims or attribute.t.raw_data:
                _check_tensor(attribute.t, shown(node.name))


def _check_tensor(tensor: Any, name: str) -> None:
    if tensor.external_data or tensor.data_location == 1:
        raise ModelFileError(f"{name} lies in another file; a file of convwise holds all its own")
    if len(tensor.dims) > MAX_RANK or any(side < 0 for side in tensor.dims):
        raise ModelFileError(f"{name} has the shape {list(tensor.dims)[:9]}")
    size = _TYPE_BYTES.get(tensor.data_type)
    if size is None:
        raise ModelFileError(f"{name} holds numbers of type {tensor.data_type}")
    needed = prod(tensor.dims) * size
    if needed != len(tensor.raw_data) and not _is_listed(tensor):
        raise ModelFileError(f"{name} needs {needed:,} bytes, {len(tensor.raw_data):,} are there")


def _is_listed(tensor: Any) -> bool:
    """Return whether the numbers stand in a list of the tensor's own, as quantisation writes."""
    lists = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data)
    return not tensor.raw_data and max(map(len, lists)) == prod(tensor.dims)


def _contract(model: Any) -> dict[str, Any]:
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            try:
                found = json.loads(entry.value)
                ImageFormat.from_dict(found["image_format"])
                names = found["classes"]
                if isinstance(names, list) and all(isinstance(name, str) for name in names):
                    return dict(found)
            except (ConvwiseError, KeyError, RecursionError, TypeError, ValueError):
                break
    raise ModelFileError("does not tell its classes and image format; convwise did not write it")
