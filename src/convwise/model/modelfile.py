"""The model file: one safetensors file with weights, network, ImageFormat and class names.

Layout (https://github.com/huggingface/safetensors, "Format"): 8 bytes with the header's length,
a JSON header that tells each tensor's type, shape and place, then the tensors. The header's
``__metadata__`` holds one JSON text under ``convwise``. Reading checks the header against the
network that it declares *before* any tensor is allocated, and never runs code from the file.

Bounds: a header of MAX_HEADER_BYTES, MAX_CLASSES classes, and those of ``convwise.design`` (10,000
layers, sides of 16,384 pixels, 2³¹ - 1 values in what one image leaves behind a layer).
"""

from __future__ import annotations

import json
import struct
from importlib.metadata import version
from math import isfinite, prod
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
MAX_CLASSES = 65_536
_KEY = "convwise"
_BYTES = 4
_DATA_OPTIONS = {"validation": float, "test": float, "group": str, "fold": str, "nested": bool}


_MEASURED = {
    "data": str,
    "fingerprint": str,
    "test_accuracy": float,
    "test_accuracy_interval": list,
    "test_images": int,
}


def model_bytes(model: TrainedModel) -> bytes:
    """Return the content of the model file of ``model``.

    Raises:
        ModelFileError: its class names and layers need a larger header than would be read again.
    """
    facts = {
        "format": FORMAT_VERSION,
        "written_by": f"convwise {version('convwise')}",
        "name": model.name,
        "network": model.network.plan.network.to_dict(),
        "image_format": model.image_format.to_dict(),
        "classes": list(model.classes),
        "temperature": model.temperature,
        "seed": model.seed,
        "data_options": dict(model.data_options),
        "measured": dict(model.measured),
    }
    content = save(weights_of(model.network), metadata={_KEY: json.dumps(facts)})
    header = struct.unpack("<Q", content[:8])[0]
    if header > MAX_HEADER_BYTES:
        raise ModelFileError(
            f"the names of {len(model.classes):,} classes and the layers make a header of"
            f" {header:,} bytes, above the {MAX_HEADER_BYTES:,} of a model file; shorten the names"
        )
    return content


def load_model(path: str | Path) -> TrainedModel:
    """Read a model file, or the model file of a run folder.

    Raises:
        ModelFileError: the file is missing, truncated, of another kind, or its tensors do not fit
            the network that it declares.
    """
    path = Path(path)
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        if (path / "run.json").is_file():
            raise ModelFileError(
                f"the run {path} has no {FILE_NAME} yet: its training goes on, or was ended; wait"
                f" for it, or go on with it by convwise resume {path}"
            )
        what = (
            f"the folder {path} holds no {FILE_NAME}" if path.is_dir() else f"{path} does not exist"
        )
        raise ModelFileError(f"{what}; give a run folder or a {FILE_NAME}")
    try:
        header, rest = _read_header(file)
        facts = _facts(header)
        network_plan = _declared_plan(facts)
        shapes = _shapes(header)
        check_weights(network_plan, shapes)
        needed = sum(_BYTES * prod(shape) for shape in shapes.values())
        if rest != needed:
            raise ModelFileError(
                f"was cut off or damaged: its tensors need {needed:,} bytes, {rest:,} are there"
            )
        model = _described(network_plan, facts)
        _fill(model.network, file)
        return model
    except ModelFileError as error:
        raise ModelFileError(f"{file}: {error}") from None


def _read_header(file: Path) -> tuple[dict[str, Any], int]:
    """Return the header, and how many bytes stand behind it."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            text = stream.read(length) if length <= min(MAX_HEADER_BYTES, size - 8) else b""
    except OSError as error:
        raise ModelFileError(f"cannot be read ({error.strerror})") from None
    if MAX_HEADER_BYTES < length <= size:
        raise ModelFileError(
            f"is not a safetensors file, or one with a header of {length:,} bytes;"
            f" at most {MAX_HEADER_BYTES:,} are read"
        )
    if len(text) < 2:
        raise ModelFileError("is not a safetensors file, or was cut off in its header")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelFileError("is not a safetensors file: its header is no JSON") from None
    if not isinstance(header, dict):
        raise ModelFileError("is not a safetensors file: its header is no table of tensors")
    return header, size - 8 - length


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
    if not isinstance(facts, dict):
        raise ModelFileError("its description of the network is no object of JSON")
    found = facts.get("format")
    if type(found) is not int or found != FORMAT_VERSION:
        writer = facts.get("written_by")
        known = isinstance(writer, str) and writer.isprintable() and len(writer) <= 40
        raise ModelFileError(
            f"has format version {_short(found)}, this convwise reads {FORMAT_VERSION};"
            f" install {writer if known else 'the convwise that wrote it'}"
        )
    return facts


def _short(value: Any) -> str:
    """Return a value of a foreign file as an error may show it."""
    try:
        text = repr(value)
    except ValueError:  # of a number with thousands of digits
        return "…"
    return text if len(text) <= 40 else f"{text[:40]}…"


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
    except (
        ConvwiseError,
        ArithmeticError,
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ModelFileError(f"declares a network that cannot be: {str(error)[:500]}") from None


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


def _described(network_plan: Plan, facts: dict[str, Any]) -> TrainedModel:
    """Return the model without its weights."""
    temperature = facts.get("temperature", 1.0)
    if type(temperature) not in (int, float) or not 0 < temperature < 1e6:
        raise ModelFileError(
            f"has the temperature {_short(temperature)}, which is no positive number"
        )
    seed = facts.get("seed", 0)
    if type(seed) is not int:
        raise ModelFileError(f"has the seed {_short(seed)}, which is no whole number")
    return TrainedModel(
        image_format=ImageFormat.from_dict(facts["image_format"]),
        classes=tuple(facts["classes"]),
        name=str(facts.get("name", "network")),
        temperature=float(temperature),
        seed=seed,
        data_options=_options(facts.get("data_options", {}), _DATA_OPTIONS, "data option"),
        measured=_options(facts.get("measured", {}), _MEASURED, "measured figure"),
        network=ConvNet(network_plan).eval(),
    )


def _fill(network: ConvNet, file: Path) -> None:
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"was cut off or damaged ({error})") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"tensor {name} holds values that are no numbers")
    network.load_state_dict(tensors)


def _options(values: Any, known: dict[str, type], what: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ModelFileError(f"has the {what}s {_short(values)}, which are no names and values")
    for name, value in values.items():
        if type(value) is not known.get(name) or not _is_finite(value):
            raise ModelFileError(f"has the {what} {name[:40]} = {_short(value)}, which is none")
    return values


def _is_finite(value: Any) -> bool:
    """Return whether a number, or each of an interval's two, is finite; texts are."""
    if isinstance(value, list):
        return len(value) == 2 and all(type(end) is float and isfinite(end) for end in value)
    return not isinstance(value, float) or isfinite(value)
