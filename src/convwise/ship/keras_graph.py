"""A network as Keras's functional models describe it: layers by name, and what feeds each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KerasLayer:
    """A layer of a Keras model.

    Args:
        name: of its own.
        kind: Keras's class, such as ``Conv2D``.
        config: its arguments.
        inputs: names of the layers that feed it; none for the input.
        shape: of its output, without the batch.
        weights: in Keras's order.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    weights: tuple[NDArray[np.float32], ...] = field(default=(), repr=False)


def in_keras_order(layers: Sequence[KerasLayer], output: str) -> list[KerasLayer]:
    """Sort layers as Keras will list them: by their distance from the output, the far ones first.

    A file's weights are found by their layer's place in that list. Distances are those of the
    longest way; layers of one distance come as a walk from the output meets them.
    """
    by_name = {layer.name: layer for layer in layers}
    met: dict[str, int] = {}
    finished: list[str] = []
    stack = [(output, iter(by_name[output].inputs))]
    met[output] = 0
    while stack:
        name, rest = stack[-1]
        for source in rest:
            if source not in met:
                met[source] = len(met)
                stack.append((source, iter(by_name[source].inputs)))
                break
        else:
            finished.append(name)
            stack.pop()
    distance = dict.fromkeys(finished, 0)
    for name in reversed(finished):
        for source in by_name[name].inputs:
            distance[source] = max(distance[source], distance[name] + 1)
    return sorted((by_name[name] for name in finished), key=lambda each: _key(each, distance, met))


def _key(layer: KerasLayer, distance: dict[str, int], met: dict[str, int]) -> tuple[int, int]:
    return -distance[layer.name], met[layer.name]


def weight_groups(kinds: Sequence[str]) -> list[str]:
    """Return under which name a file keeps the weights of each layer of a list.

    Example:
        >>> weight_groups(["Conv2D", "BatchNormalization", "Conv2D"])
        ['conv2d', 'batch_normalization', 'conv2d_1']
    """
    used: dict[str, int] = {}
    found = []
    for kind in kinds:
        name = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind))
        name = name.lower()
        number = used[name] = used.get(name, -1) + 1
        found.append(f"{name}_{number}" if number else name)
    return found
