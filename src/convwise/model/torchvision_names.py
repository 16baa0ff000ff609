"""Weights under torchvision's names → the same weights under ours.

Nothing of torchvision is imported: its names and shapes are public and written down here, family
by family. Kernels have one layout in both. Only a dense layer behind ``flatten`` differs: torch
flattens (channels, rows, columns), convwise and Keras (rows, columns, channels).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count

from torch import Tensor

from convwise.design import zoo
from convwise.design.dense import Dense
from convwise.design.flatten import Flatten
from convwise.design.plan import Plan, plan
from convwise.errors import OptionError
from convwise.model.renamed import Pair, renamed, tensor_names
from convwise.model.weights import declared_weights


def supported() -> tuple[str, ...]:
    """Return the zoo's networks whose torchvision names are known.

    Example:
        >>> "resnet50" in supported()
        True
    """
    return tuple(_FAMILIES)


def torchvision_names(entry_name: str) -> dict[str, str]:
    """Return torchvision's name → our name, for every tensor of a network.

    Args:
        entry_name: one of :func:`supported`.

    Raises:
        OptionError: torchvision's names for this network are not known.

    Example:
        >>> torchvision_names("resnet18")["layer2.0.downsample.0.weight"]
        'add3.projection.kernel'
    """
    if entry_name not in _FAMILIES:
        raise OptionError(
            f"{entry_name[:60]!r} has no known torchvision names; use {', '.join(supported())}"
        )
    return dict(tensor_names(_FAMILIES[entry_name](), declared_weights(_plan(entry_name))))


def from_torchvision(entry_name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict of torchvision's network under our names and in our order of values.

    The result fits ``build(plan(entry_name, entry.image, entry.classes))``. Counters of batches
    (``num_batches_tracked``) are left out, as no layer here counts them.

    Args:
        entry_name: one of :func:`supported`.
        state: torchvision's ``model.state_dict()``, with all of its keys.

    Raises:
        OptionError: torchvision's names for this network are not known.
        ModelFileError: a key is missing, left over or of another shape; the first few are named.

    Example:
        >>> from_torchvision("vgg16", {})
        Traceback (most recent call last):
        convwise.errors.ModelFileError: the state dict is not torchvision's vgg16: \
features.0.weight is missing; features.0.bias is missing; features.2.weight is missing \
(and 29 more)
    """
    names, made = torchvision_names(entry_name), _plan(entry_name)
    found = renamed(f"torchvision's {entry_name}", names, declared_weights(made), state)
    for name, (rows, columns, channels) in _flattened(made):
        kernel = found[name].reshape(-1, channels, rows, columns)
        found[name] = kernel.permute(0, 2, 3, 1).flatten(1).contiguous()
    return found


def _plan(entry_name: str) -> Plan:
    entry = zoo.entry(entry_name)
    return plan(entry.network, entry.image, entry.classes)


def _flattened(made: Plan) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Yield the kernel of each dense layer that sees a flattened map, and the map's shape."""
    shape: tuple[int, ...] = ()
    for row in made.rows:
        if isinstance(row.layer, Flatten):
            shape = row.input_shape
        elif isinstance(row.layer, Dense) and len(shape) == 3:
            rows, columns, channels = shape
            yield f"{row.name}.kernel", (rows, columns, channels)
            shape = ()


def _resnet(blocks: tuple[int, ...], convolutions: int) -> Iterator[Pair]:
    """``conv1``, ``bn1``, then ``layer1.0.conv1`` …, with ``downsample`` where shapes differ."""
    yield "conv1", "conv1"
    yield "bn1", "norm1"
    layer, total = 2, count(1)
    for stage, amount in enumerate(blocks, start=1):
        for block in range(amount):
            path = f"layer{stage}.{block}"
            for place in range(1, convolutions + 1):
                yield f"{path}.conv{place}", f"conv{layer}"
                yield f"{path}.bn{place}", f"norm{layer}"
                layer += 1
            name = f"add{next(total)}.projection"
            # The first stage of blocks of two keeps the channels of the stem.
            if block == 0 and (stage > 1 or convolutions == 3):
                yield f"{path}.downsample.0", name
                yield f"{path}.downsample.1", name
    yield "fc", "dense1"


def _vgg(convolutions: tuple[int, ...]) -> Iterator[Pair]:
    """``features`` counts convolutions, activations and poolings alike."""
    place, layer = 0, count(1)
    for amount in convolutions:
        for _ in range(amount):
            yield f"features.{place}", f"conv{next(layer)}"
            place += 2
        place += 1
    for number, position in enumerate((0, 3, 6), start=1):
        yield f"classifier.{position}", f"dense{number}"


def _alexnet() -> Iterator[Pair]:
    for number, position in enumerate((0, 3, 6, 8, 10), start=1):
        yield f"features.{position}", f"conv{number}"
    for number, position in enumerate((1, 4, 6), start=1):
        yield f"classifier.{position}", f"dense{number}"


def _mobilenet() -> Iterator[Pair]:
    """Blocks ``features.1`` to ``features.17`` between a first and a last convolution."""
    plain, norm = count(1), count(1)
    yield "features.0.0", f"conv{next(plain)}"
    yield "features.0.1", f"norm{next(norm)}"
    for block in range(1, 18):
        path = f"features.{block}.conv"
        place = 0
        if block > 1:
            yield f"{path}.0.0", f"conv{next(plain)}"
            yield f"{path}.0.1", f"norm{next(norm)}"
            place = 1
        yield f"{path}.{place}.0", f"depthwise{block}"
        yield f"{path}.{place}.1", f"norm{next(norm)}"
        yield f"{path}.{place + 1}", f"conv{next(plain)}"
        yield f"{path}.{place + 2}", f"norm{next(norm)}"
    yield "features.18.0", f"conv{next(plain)}"
    yield "features.18.1", f"norm{next(norm)}"
    yield "classifier.1", "dense1"


_FAMILIES: dict[str, Callable[[], Iterator[Pair]]] = {
    "alexnet": _alexnet,
    "vgg11": lambda: _vgg((1, 1, 2, 2, 2)),
    "vgg13": lambda: _vgg((2, 2, 2, 2, 2)),
    "vgg16": lambda: _vgg((2, 2, 3, 3, 3)),
    "vgg19": lambda: _vgg((2, 2, 4, 4, 4)),
    "resnet18": lambda: _resnet((2, 2, 2, 2), 2),
    "resnet34": lambda: _resnet((3, 4, 6, 3), 2),
    "resnet50": lambda: _resnet((3, 4, 6, 3), 3),
    "resnet101": lambda: _resnet((3, 4, 23, 3), 3),
    "resnet152": lambda: _resnet((3, 8, 36, 3), 3),
    "mobilenetv2": _mobilenet,
}
