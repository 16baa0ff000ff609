"""A trained model as a .keras archive, written without Keras: uint8 pixels in, probabilities out.

The archive (Keras 3, ``keras.saving``): ``metadata.json``, ``config.json`` with the layers and what
feeds each, ``model.weights.h5`` with the weights in order. ``convwise.json`` is added with class
names and ImageFormat; Keras leaves it alone.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from convwise.design.plan import Row
from convwise.model.trained import TrainedModel
from convwise.model.weights import weights_of
from convwise.ship.extras import require
from convwise.ship.keras_graph import KerasLayer, in_keras_order, weight_groups
from convwise.ship.keras_layers import Site, Weights, emit, without_softmax
from convwise.ship.onnx_model import INPUT, OUTPUT, contract

CONTRACT, CONFIG, WEIGHTS = "convwise.json", "config.json", "model.weights.h5"
KERAS_VERSION = "3.15.1"
# A fixed date, so that a model gives the same file whenever it is written.
_DATE = (1980, 1, 1, 0, 0, 0)


def keras_bytes(model: TrainedModel) -> bytes:
    """Return a .keras archive of a model.

    Raises:
        MissingExtraError: ``h5py`` is not installed.
    """
    layers = in_keras_order(_layers(model), OUTPUT)
    metadata = {"keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00"}
    parts = {
        "metadata.json": json.dumps(metadata).encode(),
        CONFIG: json.dumps(_config(layers, model.name)).encode(),
        WEIGHTS: _weights_file(layers),
        CONTRACT: json.dumps(contract(model)).encode(),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return stream.getvalue()


def _layers(model: TrainedModel) -> list[KerasLayer]:
    image_format, plan = model.image_format, model.network.plan
    std, mean = (np.array(each) for each in (image_format.std, image_format.mean))
    scaling = {"scale": (1 / (255 * std)).tolist(), "offset": (-mean / std).tolist()}
    source = {
        "batch_shape": [None, *image_format.shape],
        "dtype": "uint8",
        "sparse": False,
        "ragged": False,
        "optional": False,
    }
    layers = [
        KerasLayer(INPUT, "InputLayer", source, (), image_format.shape),
        KerasLayer("pixel_scaling", "Rescaling", scaling, (INPUT,), image_format.shape),
    ]
    weights = {name: value.numpy() for name, value in weights_of(model.network).items()}
    x = _chain(layers, plan.tree, "pixel_scaling", weights, plan.rows[-1])
    shape = (len(model.classes),)
    if model.temperature != 1.0:
        divided = {"scale": 1 / model.temperature, "offset": 0.0}
        layers.append(KerasLayer("temperature", "Rescaling", divided, (x,), shape))
        x = "temperature"
    layers.append(KerasLayer(OUTPUT, "Activation", {"activation": "softmax"}, (x,), shape))
    return layers


def _chain(
    layers: list[KerasLayer], rows: tuple[Row, ...], x: str, weights: Weights, last: Row
) -> str:
    for row in rows:
        branches = tuple(_chain(layers, branch, x, weights, last) for branch in row.branches)
        # The temperature divides logits, so a softmax at the very end comes after it.
        kept = without_softmax(row) if row is last else row
        if kept is not None:
            x = emit(Site(layers, kept, x, branches, weights))
    return x


def _config(layers: Sequence[KerasLayer], name: str) -> dict[str, Any]:
    shapes = {layer.name: layer.shape for layer in layers}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": name if name.isidentifier() else "convwise",
            "trainable": True,
            "layers": [_layer_config(layer, shapes) for layer in layers],
            "input_layers": [INPUT, 0, 0],
            "output_layers": [OUTPUT, 0, 0],
        },
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }


def _layer_config(layer: KerasLayer, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    tensors: list[Any] = [
        {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": [None, *shapes[source]],
                "dtype": "uint8" if source == INPUT else "float32",
                "keras_history": [source, 0, 0],
            },
        }
        for source in layer.inputs
    ]
    several = [tensors] if layer.kind in ("Add", "Concatenate") else tensors
    return {
        "module": "keras.layers",
        "class_name": layer.kind,
        "config": {"name": layer.name, **layer.config},
        "registered_name": None,
        "name": layer.name,
        "inbound_nodes": [{"args": several, "kwargs": {}}] if layer.inputs else [],
    }


def _weights_file(layers: Sequence[KerasLayer]) -> bytes:
    h5py = require("h5py", "keras")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_group("vars")
        groups = weight_groups([layer.kind for layer in layers])
        for layer, group in zip(layers, groups, strict=True):
            target = file.create_group(f"layers/{group}/vars")
            target.attrs["name"] = layer.name
            for number, value in enumerate(layer.weights):
                target.create_dataset(str(number), data=value)
    return stream.getvalue()
