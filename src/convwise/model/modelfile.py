"""The model file: one safetensors file with weights, network, ImageFormat and class names.

Layout (https://github.com/huggingface/safetensors, "Format"): 8 bytes with the header's length,
a JSON header that tells each tensor's type, shape and place, then the tensors. The header's
``__metadata__`` holds one JSON text under ``convwise``. Reading checks the header against the
network that it declares *before* any tensor is allocated, and never runs code from the file.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from convwise.design.network import Network
from convwise.design.plan import Plan, plan
from convwise.errors import ConvwiseError, ModelFileError
from convwise.image import ImageFormat
from convwise.model.build import ConvNet
from convwise.model.trained import TrainedModel
from convwise.model.weights import check_weights, weights_of

FORMAT_VERSION = 1
FILE_NAME = "model.safetensors"
MAX_HEADER_BYTES = 1_000_000
MAX_CLASSES = 100_000
_KEY = "convwise"
_DATA_OPTIONS = {"validation": float, "test": float, "group": str, "fold": str, "nested": bool}


def model_bytes(model: TrainedModel) -> bytes:
    """Return the content of the model file of ``model``."""
    facts = {
        "format": FORMAT_VERSION,
        "name": model.name,
        "network": model.network.plan.network.to_dict(),
        "image_format": model.image_format.to_dict(),
        "classes": list(model.classes),
        "temperature": model.temperature,
        "seed": model.seed,
        "data_options": dict(model.data_options),
    }
    return save(weights_of(model.network), metadata={_KEY: json.dumps(facts)})


def load_model(path: str | Path) -> TrainedModel:
    """Read a model file, or the model file of a run folder.

    Raises:
        ModelFileError: the file is missing, truncated, of another kind, or its tensors do not fit
            the network that it declares.
    """
    path = Path(path)
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        what = (
            f"the folder {path} holds no {FILE_NAME}" if path.is_dir() else f"{path} does not exist"
        )
        raise ModelFileError(f"{what}; give a run folder or a {FILE_NAME}")
    try:
        header = _read_header(file)
        facts = _facts(header)
        network_plan = _declared_plan(facts)
        check_weights(network_plan, _shapes(header))
        return _fill(file, network_plan, facts)
    except ModelFileError as error:
        raise ModelFileError(f"{file}: {error}") from None


def _read_header(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(MAX_HEADER_BYTES, file.stat().st_size):
                raise ModelFileError("is not a safetensors file, or was cut off in its header")
            header = json.loads(stream.read(length))
    except OSError as error:
        raise ModelFileError(f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ModelFileError("is not a safetensors file: its header is no JSON") from None
    if not isinstance(header, dict):
        raise ModelFileError("is not a safetensors file: its header is no table of tensors")
    return header


def _facts(header: dict[str, Any]) -> dict[str, Any]:
    metadata = header.get("__metadata__")
    text = metadata.get(_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ModelFileError(
            "holds tensors but no convwise network; only files that convwise saved can be opened"
        )
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelFileError("its description of the network is no JSON") from None
    version = facts.get("format") if isinstance(facts, dict) else None
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"has format version {version}, this convwise reads {FORMAT_VERSION};"
            " install the convwise that wrote it"
        )
    return dict(facts)


def _declared_plan(facts: dict[str, Any]) -> Plan:
    classes = facts.get("classes")
    if (
        not isinstance(classes, list)
        or not 1 < len(classes) <= MAX_CLASSES
        or not all(isinstance(name, str) for name in classes)
    ):
        raise ModelFileError("its class names are no list of at least two texts")
    if len(set(classes)) < len(classes):
        raise ModelFileError("names a class twice")
    try:
        image = ImageFormat.from_dict(facts["image_format"])
        network = Network.from_dict(facts["network"])
        return plan(network, image.shape, len(classes)).require()
    except (ConvwiseError, ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"declares a network that cannot be: {error}") from None


def _shapes(header: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if not isinstance(entry, dict) or entry.get("dtype") != "F32":
            raise ModelFileError(f"tensor {name} is not of type F32")
        shape = entry.get("shape")
        if not isinstance(shape, list) or not all(type(side) is int for side in shape):
            raise ModelFileError(f"tensor {name} has no shape")
        shapes[name] = tuple(shape)
    return shapes


def _fill(file: Path, network_plan: Plan, facts: dict[str, Any]) -> TrainedModel:
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"was cut off or damaged ({error})") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"tensor {name} holds values that are no numbers")
    temperature = facts.get("temperature", 1.0)
    if not isinstance(temperature, int | float) or not 0 < temperature < 1e6:
        raise ModelFileError(f"has the temperature {temperature!r}, which is no positive number")
    seed = facts.get("seed", 0)
    if type(seed) is not int:
        raise ModelFileError(f"has the seed {seed!r}, which is no whole number")
    network = ConvNet(network_plan)
    network.load_state_dict(tensors)
    return TrainedModel(
        network=network.eval(),
        image_format=ImageFormat.from_dict(facts["image_format"]),
        classes=tuple(facts["classes"]),
        name=str(facts.get("name", "network")),
        temperature=float(temperature),
        seed=seed,
        data_options=_data_options(facts.get("data_options", {})),
    )


def _data_options(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ModelFileError(f"has the data options {values!r}, which are no names and values")
    for name, value in values.items():
        if type(value) is not _DATA_OPTIONS.get(name):
            raise ModelFileError(f"has the data option {name} = {value!r}, which is none")
    return values
