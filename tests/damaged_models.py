"""Model files, ONNX files and .keras archives with damage where it hurts.

In the JSON that describes them, in their headers and graphs, with lengths and checksums made to
fit; and blindly. Each mutation is a function of the seed and its number.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx

from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.ship.keras_file import CONFIG, CONTRACT, keras_bytes
from convwise.ship.onnx_model import onnx_bytes
from damage import BLIND, Bytes, Numbers

NETWORKS = {
    "conv 3 3 same norm relu | maxpool 2 | flatten | dense classes": ImageFormat(6, 6, 1),
    "residual\n  conv 3 3 same norm relu\nglobal_avgpool\ndense classes softmax": ImageFormat(
        5, 7, 3, "crop", (0.4, 0.5, 0.6), (0.2, 0.2, 0.3)
    ),
    "separable 4 3 | avgpool 2 same | conv 2 1 elu | global_maxpool | dense 3 | dense classes": (
        ImageFormat(8, 8, 1, "stretch")
    ),
}
CLASSES = ("ant", "bee", "crab")


def _model(text: str, image_format: ImageFormat) -> TrainedModel:
    network = build(plan(text, image_format, len(CLASSES)), seed=1).eval()
    options = {"validation": 0.1, "nested": False}
    measured = {"data": "insects", "test_accuracy": 0.75, "test_accuracy_interval": [0.6, 0.9]}
    return TrainedModel(
        network, image_format, CLASSES, "small", 1.5, data_options=options, measured=measured
    )


@cache
def corpus() -> tuple[tuple[str, bytes], ...]:
    """Return (ending, content) of sound files; most of them are model files."""
    models = [_model(*each) for each in NETWORKS.items()]
    found = [(".safetensors", model_bytes(each)) for each in models] * 2
    found += [
        (".onnx", onnx_bytes(models[0])),
        (".onnx", onnx_bytes(models[1], resize_inside=True)),
    ]
    found += [(".keras", keras_bytes(each)) for each in models[:2]]
    return tuple(found)


# Damage to JSON.

_STRANGE: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 7, 1.5, -0.0, 1e308, float("nan"), float("inf")),
    *(2**15, 2**31, 2**63, 10**30, "", "x", "relu", "softmax", "conv", "os.system", "\0", "\ud800"),
    *("x" * 3_000, "../" * 20, [], {}, [[[[]]]], [1] * 2_000, {"a": {"b": {"c": []}}}, "1" * 5_000),
)


def json_damaged(values: Any, numbers: Numbers) -> Any:
    """Return JSON values with one to three places changed."""
    values = json.loads(json.dumps(values))
    for _ in range(int(numbers.integers(1, 4))):
        spots = list(_spots(values))
        if not spots:
            return _strange(numbers)
        holder, key = spots[int(numbers.integers(len(spots)))]
        _change(holder, key, spots, numbers)
    return values


def _spots(values: Any) -> Any:
    waiting = [values]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list):
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            for key in keys:
                yield holder, key
                waiting.append(holder[key])


def _change(holder: Any, key: Any, spots: list[tuple[Any, Any]], numbers: Numbers) -> None:
    match int(numbers.integers(7)):
        case 0:
            del holder[key]
        case 1:
            other, its = spots[int(numbers.integers(len(spots)))]
            holder[key] = json.loads(json.dumps(other[its])) if its in _keys(other) else None
        case 2 if isinstance(holder[key], int | float):
            holder[key] = holder[key] * int(numbers.integers(-2, 40)) + int(numbers.integers(-2, 3))
        case 3 if isinstance(holder, list):
            holder.extend([holder[key]] * int(numbers.choice([1, 2, 50])))
        case 3:
            holder[str(_strange(numbers))[:40]] = holder[key]
        case 4 if isinstance(holder[key], str):
            holder[key] = holder[key][::-1] + "".join(
                map(chr, numbers.integers(0, 256, 3).tolist())
            )
        case _:
            holder[key] = _strange(numbers)


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _strange(numbers: Numbers) -> Any:
    # A copy: the next change may be within it.
    return copy.deepcopy(_STRANGE[int(numbers.integers(len(_STRANGE)))])


# Damage to each kind of file.


def _safetensors_damaged(content: bytes, numbers: Numbers) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    if numbers.random() < 0.75:
        told = header["__metadata__"]
        facts = json_damaged(json.loads(told["convwise"]), numbers)
        told["convwise"] = json.dumps(facts)
    else:
        header = json_damaged(header, numbers)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + body


def _keras_damaged(content: bytes, numbers: Numbers) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    name = str(numbers.choice([CONFIG, CONFIG, CONTRACT, "model.weights.h5"]))
    if name == "model.weights.h5":
        parts[name] = _blindly(parts[name], numbers)
    else:
        parts[name] = json.dumps(json_damaged(json.loads(parts[name]), numbers)).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for each, part in parts.items():
            file.writestr(each, part)
    return stream.getvalue()


def _onnx_damaged(content: bytes, numbers: Numbers) -> bytes:
    model = onnx.load_from_string(content)
    nodes, tensors = model.graph.node, model.graph.initializer
    node, tensor = (each[int(numbers.integers(len(each)))] for each in (nodes, tensors))
    match int(numbers.integers(8)):
        case 0:
            node.op_type = str(
                numbers.choice(["If", "Loop", "Conv", "Relu", "Constant", "x" * 500])
            )
        case 1:
            node.domain = "evil.domain"
        case 2:
            node.input.extend([str(numbers.integers(100))] * int(numbers.integers(1, 2_000)))
        case 3:
            tensor.dims.extend(numbers.choice([-1, 0, 2**31, 2**62], int(numbers.integers(1, 9))))
        case 4:
            tensor.data_type = int(numbers.integers(0, 25))
        case 5:
            tensor.external_data.add(key="location", value="/etc/passwd")
            tensor.data_location = onnx.TensorProto.EXTERNAL
        case 6:
            del nodes[: int(numbers.integers(1, len(nodes) + 1))]
        case _:
            entry = model.metadata_props[0]
            entry.value = json.dumps(json_damaged(json.loads(entry.value), numbers))
    return bytes(model.SerializeToString())


def _blindly(content: bytes, numbers: Numbers) -> bytes:
    damaged = Bytes(content)
    for _ in range(int(numbers.integers(1, 4))):
        if damaged:
            damaged = BLIND[int(numbers.integers(len(BLIND)))](damaged, numbers)
    return bytes(damaged)


KNOWING: dict[str, Callable[[bytes, Numbers], bytes]] = {
    ".safetensors": _safetensors_damaged,
    ".onnx": _onnx_damaged,
    ".keras": _keras_damaged,
}


def mutated(seed: int, number: int) -> tuple[str, bytes]:
    """Return the ending and content of one damaged file."""
    numbers = np.random.default_rng([seed, number])
    kind, sound = corpus()[number % len(corpus())]
    if numbers.random() < 0.3:
        return kind, _blindly(sound, numbers)
    return kind, KNOWING[kind](sound, numbers)
