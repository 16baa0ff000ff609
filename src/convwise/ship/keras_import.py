"""A .keras archive → a trained model of ours, without Keras and without running anything in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.design.activation import Activation
from convwise.design.branches import Add, Concatenate
from convwise.design.dense import Dense
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.layer import Layer
from convwise.design.network import Network
from convwise.design.plan import Row, plan
from convwise.design.separable import SeparableConv2D
from convwise.errors import DesignError, ModelFileError, OptionError
from convwise.image import ImageFormat, Resize
from convwise.model.build import ConvNet
from convwise.model.trained import TrainedModel
from convwise.model.weights import shown
from convwise.ship.keras_archive import KerasArchive
from convwise.ship.keras_file import CONFIG, CONTRACT
from convwise.ship.keras_graph import weight_groups
from convwise.ship.keras_nodes import MEETING, SCALING, Node, nodes_of
from convwise.ship.keras_tree import Branched, tree_of

Pixels = Literal["0..1", "-1..1", "0..255"]
_SCALES: Mapping[str, tuple[float, float]] = {
    "0..1": (1 / 255, 0.0),
    "-1..1": (1 / 127.5, -1.0),
    "0..255": (1.0, 0.0),
}


def import_keras(
    path: str | Path,
    *,
    pixels: Pixels | None = None,
    classes: Sequence[str] | None = None,
    resize: Resize | None = None,
) -> TrainedModel:
    """Read a classifier of images that Keras 3 saved.

    Args:
        path: the .keras archive.
        pixels: what the model was fed with, where it does not scale pixels itself.
        classes: names of the outputs, in order; by default their numbers, or those that convwise
            left in the archive.
        resize: how pictures get the model's size; by default ``stretch``, as Keras's own loader.

    Raises:
        ModelFileError: it is damaged, or holds what has no counterpart here; says what.
        OptionError: ``pixels`` is needed and not given, or ``classes`` do not fit.
        MissingExtraError: ``h5py`` is not installed.
    """
    path = Path(path)
    try:
        archive = KerasArchive(path)
        try:
            return _imported(archive, path.stem, pixels, classes, resize)
        finally:
            archive.close()
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def _imported(
    archive: KerasArchive,
    name: str,
    pixels: Pixels | None,
    classes: Sequence[str] | None,
    resize: Resize | None,
) -> TrainedModel:
    config = archive.json(CONFIG)
    if config is None:
        raise ModelFileError("holds no config.json; save it with Keras 3, as .keras")
    nodes, output = nodes_of(config)
    found = tree_of(nodes, output)
    tree, temperature = _without_temperature(found.tree)
    for each in tree:
        _refuse_scaling(each)
    try:
        network = Network(tuple(_layer(each) for each in tree))
        units = _units(network)
        network_plan = plan(network, found.image, units).require()
    except DesignError as error:
        raise ModelFileError(f"is a network that cannot be here: {error}") from None
    _require_softmax(network_plan.rows[-1].layer)
    told = archive.json(CONTRACT) or {}
    names = _classes(classes, told, units)
    image_format = _format(found.image, found.scaling, pixels, resize, told)
    module = ConvNet(network_plan)
    pairs = list(_pairs(network_plan.tree, tree))
    state = _weights(archive, nodes, pairs)
    module.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    return TrainedModel(module.eval(), image_format, names, name, temperature)


def _layer(each: Branched) -> Layer:
    if each.node.kind not in MEETING:
        assert each.node.layer is not None
        return each.node.layer
    chains = tuple(tuple(_layer(inner) for inner in chain) for chain in each.branches)
    return (Add if each.node.kind == "Add" else Concatenate)(chains)


def _units(network: Network) -> int:
    for layer in reversed(network.layers):
        if isinstance(layer, Dense):
            return cast(int, layer.units)
        if not isinstance(layer, Activation):
            break
    raise ModelFileError("does not end in a Dense layer with an output for each class")


def _require_softmax(layer: Layer) -> None:
    activation = getattr(layer, "activation", None)
    if activation not in (None, "softmax"):
        raise ModelFileError(
            f"ends in {activation}: a classifier here ends in a softmax, or in logits"
        )


def _without_temperature(tree: tuple[Branched, ...]) -> tuple[tuple[Branched, ...], float]:
    """Take a Rescaling before the last softmax out: it is what a temperature does."""
    if len(tree) > 2 and tree[-2].node.kind == "Rescaling":
        scale, offset = tree[-2].node.config.get("scale"), tree[-2].node.config.get("offset")
        softmax = tree[-1].node.layer == Activation("softmax")
        if softmax and isinstance(scale, float) and scale > 0 and offset in (0, 0.0):
            return (*tree[:-2], tree[-1]), 1 / scale
    return tree, 1.0


def _refuse_scaling(each: Branched) -> None:
    if each.node.kind in SCALING:
        raise ModelFileError(
            f"{shown(each.node.name)} ({each.node.kind}) stands amid the network; it can be read"
            " only right behind the input"
        )
    for chain in each.branches:
        for inner in chain:
            _refuse_scaling(inner)


def _classes(asked: Sequence[str] | None, told: Mapping[str, Any], units: int) -> tuple[str, ...]:
    names = asked if asked is not None else told.get("classes")
    if names is None:
        return tuple(str(number) for number in range(units))
    if (
        not isinstance(names, list | tuple)
        or len(names) != units
        or len(set(map(str, names))) != units
        or not all(isinstance(name, str) for name in names)
    ):
        raise OptionError(f"the class names are not {units} different texts, one for each output")
    return tuple(names)


def _format(
    image: tuple[int, int, int],
    scaling: tuple[Node, ...],
    pixels: Pixels | None,
    resize: Resize | None,
    told: Mapping[str, Any],
) -> ImageFormat:
    channels = image[2]
    if scaling and pixels is not None:
        raise OptionError("--pixels: this model scales pixels itself; leave the option out")
    if not scaling and pixels is None:
        raise OptionError(
            "this model does not scale pixels itself; say what it was trained on:"
            " --pixels 0..1, -1..1 or 0..255"
        )
    factor, term = np.ones(channels), np.zeros(channels)
    if pixels is not None:
        factor, term = (np.full(channels, value) for value in _SCALES[pixels])
    for node in scaling:
        a, b = _affine(node, channels)
        factor, term = factor * a, term * a + b
    if not (np.isfinite(factor) & (factor > 0) & np.isfinite(term)).all():
        raise ModelFileError("scales pixels by a factor that is not positive")
    std = 1 / (255 * factor)
    stored = told.get("image_format")
    rules = stored if isinstance(stored, dict) else {}
    return ImageFormat.from_dict(
        {
            **{key: rules[key] for key in ("pad_value", "alpha_background") if key in rules},
            "height": image[0],
            "width": image[1],
            "channels": channels,
            "resize": resize or rules.get("resize", "stretch"),
            "mean": (-term * std).tolist(),
            "std": std.tolist(),
        }
    )


def _affine(node: Node, channels: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return factor and term of a layer that scales pixels, each a number a channel."""
    if node.kind == "Rescaling":
        return (
            _numbers(node, "scale", channels),
            _numbers(node, "offset", channels),
        )
    if node.config.get("mean") is None or node.config.get("invert") not in (None, False):
        raise ModelFileError(f"{shown(node.name)} (Normalization) does not tell mean and variance")
    deviation = np.sqrt(np.maximum(_numbers(node, "variance", channels), 0))
    deviation = np.maximum(deviation, 1e-7)
    return 1 / deviation, -_numbers(node, "mean", channels) / deviation


def _numbers(node: Node, key: str, channels: int) -> NDArray[Any]:
    value = node.config.get(key, 0.0)
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    values = value if isinstance(value, list) else [value]
    fits = len(values) in (1, channels)
    if not fits or not all(type(each) in (int, float) and isfinite(each) for each in values):
        raise ModelFileError(f"{shown(node.name)}: {key} is not one number, or one a channel")
    return np.broadcast_to(np.array(values, np.float64), (channels,)).copy()


def _pairs(rows: tuple[Row, ...], tree: tuple[Branched, ...]) -> Iterator[tuple[Row, Node]]:
    for row, each in zip(rows, tree, strict=True):
        for inner_rows, chain in zip(row.branches, each.branches, strict=True):
            yield from _pairs(inner_rows, chain)
        yield row, each.node


def _weights(
    archive: KerasArchive, nodes: Sequence[Node], pairs: Sequence[tuple[Row, Node]]
) -> dict[str, NDArray[Any]]:
    groups = weight_groups([node.kind for node in nodes])
    group_of = {node.name: group for node, group in zip(nodes, groups, strict=True)}
    wanted = {
        group_of[node.name]: [
            _keras_shape(row.layer, each.name, each.shape) for each in row.weights
        ]
        for row, node in pairs
        if row.weights
    }
    found = archive.weights(wanted)
    return {
        f"{row.name}.{weight.name}": _ours(value, row.layer, weight.name, weight.shape)
        for row, node in pairs
        if row.weights
        for weight, value in zip(row.weights, found[group_of[node.name]], strict=True)
    }


def _keras_shape(layer: Layer, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) == 2:
        return shape[::-1]
    if len(shape) != 4:
        return shape
    filters, inputs, rows, columns = shape
    if isinstance(layer, DepthwiseConv2D | SeparableConv2D) and name != "pointwise_kernel":
        return (rows, columns, filters // layer.depth_multiplier, layer.depth_multiplier)
    return (rows, columns, inputs, filters)


def _ours(value: NDArray[Any], layer: Layer, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if value.ndim == 2:
        value = value.T
    elif value.ndim == 4:
        is_depthwise = isinstance(layer, DepthwiseConv2D | SeparableConv2D)
        order = (2, 3, 0, 1) if is_depthwise and name != "pointwise_kernel" else (3, 2, 0, 1)
        value = value.transpose(order).reshape(shape)
    return np.ascontiguousarray(value)
