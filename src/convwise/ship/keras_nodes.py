"""The config.json of a .keras archive as layers of ours and what feeds each.

Layers come from a list; whatever is not on it is named and refused. Arguments that change nothing
in a trained model (initializers, regularizers, constraints) are passed over, any other that is
unknown is refused as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convwise.design.activation import Activation
from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.dropout import Dropout
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from convwise.design.layer import Layer, arguments
from convwise.design.layer_normalization import LayerNormalization
from convwise.design.normalization import BatchNormalization
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.design.separable import SeparableConv2D
from convwise.design.zero_padding import ZeroPadding2D
from convwise.errors import DesignError, ModelFileError

MAX_NODES = 10_000
SAME_LAYERS: Mapping[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Activation,
        AveragePooling2D,
        BatchNormalization,
        Conv2D,
        Dense,
        DepthwiseConv2D,
        Dropout,
        Flatten,
        GlobalAveragePooling2D,
        GlobalMaxPooling2D,
        LayerNormalization,
        MaxPooling2D,
        SeparableConv2D,
        ZeroPadding2D,
    )
}
MEETING = ("Add", "Concatenate")
SCALING = ("Rescaling", "Normalization")
# Argument → the values with which it means what a layer here does anyway.
_WITHOUT_EFFECT: Mapping[str, tuple[Any, ...]] = {
    "data_format": ("channels_last", None),
    "axis": (-1, 3, [-1], [3], None),
    "keepdims": (False,),
    "rms_scaling": (False,),
    "synchronized": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "noise_shape": (None,),
    "quantization_config": (None,),
    "lora_rank": (None,),
    "invert": (False,),
    "activity_regularizer": (None,),
}
_PASSED_OVER = (
    "name",
    "trainable",
    "dtype",
    "seed",
    "renorm_momentum",
    "mode",
    "virtual_batch_size",
)
_PASSED_ENDINGS = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True)
class Node:
    """A layer of a Keras model.

    Args:
        name: of its own.
        kind: Keras's class.
        layer: ours, or None for what is no layer here: inputs, scaling, and where branches meet.
        config: Keras's arguments.
        inputs: names of the nodes that feed it.
    """

    name: str
    kind: str
    layer: Layer | None
    config: Mapping[str, Any]
    inputs: tuple[str, ...]


def nodes_of(config: Mapping[str, Any]) -> tuple[list[Node], str]:
    """Return the nodes in the file's order, and the name of the output.

    Raises:
        ModelFileError: a layer or an argument is not on the list, or the graph is of another form.
    """
    kind, inner = config.get("class_name"), config.get("config")
    if kind not in ("Sequential", "Functional", "Model") or not isinstance(inner, dict):
        raise ModelFileError(f"is a {_name(kind)}; Sequential and Functional models can be read")
    entries = inner.get("layers")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_NODES:
        raise ModelFileError(f"its layers are no list of 1 to {MAX_NODES:,}")
    nodes: list[Node] = []
    for entry in entries:
        before = (nodes[-1].name,) if nodes else ()
        nodes.append(_node(entry, before if kind == "Sequential" else None))
    if len({node.name for node in nodes}) < len(nodes):
        raise ModelFileError("two of its layers have one name")
    if kind == "Sequential":
        return nodes, nodes[-1].name
    outputs = inner.get("output_layers")
    while isinstance(outputs, list) and len(outputs) == 1:
        outputs = outputs[0]
    if not isinstance(outputs, list) or len(outputs) != 3 or not isinstance(outputs[0], str):
        raise ModelFileError("has several outputs; a classifier has one")
    return nodes, outputs[0]


def _node(entry: Any, before: tuple[str, ...] | None) -> Node:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        raise ModelFileError("one of its layers is no object with a config")
    kind, config = entry.get("class_name"), entry["config"]
    name = config.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        raise ModelFileError("one of its layers has no class or no name")
    label = f"{_name(name)} ({_name(kind)})"
    if entry.get("registered_name") not in (None, kind):
        raise ModelFileError(
            f"{label} is of a class of its own; it brings code, which is never run"
        )
    inputs = before if before is not None else _inputs(entry, label)
    return Node(name, kind, _layer(kind, config, label), config, inputs)


def _layer(kind: str, config: Mapping[str, Any], label: str) -> Layer | None:
    _require_float32(config, label)
    if kind in ("InputLayer", *SCALING):
        return None
    if kind in MEETING:
        _arguments(config, (), label)
        return None
    try:
        if kind in _RENAMED:
            return _RENAMED[kind](config, label)
        if kind in SAME_LAYERS:
            ours = SAME_LAYERS[kind]
            names = tuple(item.name for item, _ in arguments(ours))
            return ours(**_arguments(config, names, label))
    except (DesignError, TypeError) as error:
        raise ModelFileError(f"{label}: {str(error)[:300]}") from None
    known = ", ".join(sorted([*SAME_LAYERS, *_RENAMED, *MEETING, *SCALING]))
    raise ModelFileError(f"{label} has no counterpart here; can be read: {known}")


def _arguments(config: Mapping[str, Any], names: tuple[str, ...], label: str) -> dict[str, Any]:
    found = {}
    for key, value in config.items():
        if key in names:
            found[key] = _plain(value)
        elif key in _WITHOUT_EFFECT:
            if value not in _WITHOUT_EFFECT[key]:
                raise ModelFileError(f"{label}: {key}={_name(value)} has no counterpart here")
        elif key not in _PASSED_OVER and not key.endswith(_PASSED_ENDINGS):
            raise ModelFileError(f"{label}: its argument {_name(key)} is not known")
    if found.get("activation") == "linear":
        found["activation"] = None
    return found


def _plain(value: Any) -> Any:
    return tuple(_plain(each) for each in value) if isinstance(value, list) else value


def _require_float32(config: Mapping[str, Any], label: str) -> None:
    dtype = config.get("dtype", "float32")
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        dtype = inner.get("name") if isinstance(inner, dict) else None
    if dtype not in ("float32", "uint8"):
        raise ModelFileError(f"{label} computes in {_name(dtype)}; only float32 can be read")


def _inputs(entry: Mapping[str, Any], label: str) -> tuple[str, ...]:
    calls = entry.get("inbound_nodes")
    if not isinstance(calls, list) or len(calls) > 1:
        raise ModelFileError(f"{label} is used several times, which has no counterpart here")
    if not calls:
        return ()
    call = calls[0]
    if not isinstance(call, dict) or not isinstance(call.get("args"), list):
        raise ModelFileError(f"{label} says in an unknown way what feeds it")
    told = call.get("kwargs") or {}
    if not isinstance(told, dict) or any(value not in (None, False) for value in told.values()):
        raise ModelFileError(f"{label} is called with arguments that are not known")
    tensors = call["args"]
    if len(tensors) == 1 and isinstance(tensors[0], list):
        tensors = tensors[0]
    try:
        sources = tuple(tensor["config"]["keras_history"][0] for tensor in tensors)
    except (KeyError, TypeError, IndexError):
        raise ModelFileError(f"{label} is fed with something that is no layer's output") from None
    if not all(isinstance(source, str) for source in sources):
        raise ModelFileError(f"{label} is fed with something that is no layer's output")
    return sources


def _exactly(values: Mapping[str, tuple[Any, ...]], made: Layer) -> Callable[..., Layer]:
    """Return a reader of a layer whose arguments must have these values."""

    def read(config: Mapping[str, Any], label: str) -> Layer:
        for key, value in _arguments(config, tuple(values), label).items():
            if value not in values[key]:
                raise ModelFileError(f"{label}: {key}={_name(value)} has no counterpart here")
        return made

    return read


def _relu(config: Mapping[str, Any], label: str) -> Layer:
    names = ("max_value", "negative_slope", "threshold")
    found = _arguments(config, names, label)
    if any(found.get(name) not in (None, 0, 0.0) for name in names[1:]):
        raise ModelFileError(f"{label}: a slope or threshold has no counterpart here")
    if found.get("max_value") not in (None, 6, 6.0):
        raise ModelFileError(f"{label}: max_value may be 6 or nothing")
    return Activation("relu" if found.get("max_value") is None else "relu6")


_RENAMED: Mapping[str, Callable[..., Layer]] = {
    "ReLU": _relu,
    "LeakyReLU": _exactly({"negative_slope": (0.2,)}, Activation("leaky_relu")),
    "ELU": _exactly({"alpha": (1, 1.0)}, Activation("elu")),
    "Softmax": _exactly({}, Activation("softmax")),
}


def _name(value: Any) -> str:
    """Return a value of a foreign file as an error may show it."""
    text = value if isinstance(value, str) else str(type(value).__name__)
    return "".join(sign for sign in text[:60] if sign.isprintable()) or "?"
