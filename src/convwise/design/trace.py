"""Names and shapes of a network's layers, up to the first layer that cannot be.

The plan adds its facts to these steps, and the diagnosis tries its repairs on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from convwise.design.layer import Layer, Shape, Weight, show
from convwise.design.network import Network
from convwise.design.repeat import Repeat
from convwise.errors import DesignError

# Numbers in one map, or in all weights together: what a 32-bit index can reach.
MAX_VALUES = 2**31 - 1

Path = tuple[int, ...]
"""Where a layer stands: its place in ``layers``; inside a block, the branch and the place in it."""


@dataclass(frozen=True)
class Step:
    """A layer that can be, with its name and shapes."""

    path: Path
    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    weights: tuple[Weight, ...]
    branches: tuple[tuple[Step, ...], ...] = ()


@dataclass(frozen=True)
class Failure:
    """The first layer that cannot be; ``at_end`` where only the network's last shape is wrong."""

    path: Path
    name: str
    layer: Layer
    input_shape: Shape
    message: str
    at_end: bool = False


@dataclass(frozen=True)
class Trace:
    """Steps so far, and the failure that ended them.

    Where a layer inside a block fails, the steps of its unfinished branch stand without the block.
    """

    steps: tuple[Step, ...]
    failure: Failure | None
    output_shape: Shape

    @property
    def flat(self) -> tuple[Step, ...]:
        """Steps in the order in which they run, those of a block before the block's own."""
        return tuple(_flat(self.steps))


def trace(network: Network, image: tuple[int, int, int], classes: int) -> Trace:
    """Follow an image of shape (height, width, channels) through a network.

    Args:
        network: may still speak of ``"classes"``.
        image: height and width in pixels, channels.
        classes: how many values the network has to end in.
    """
    tracer = _Tracer()
    steps: list[Step] = []
    shape: Shape = image
    try:
        shape = tracer.chain(network.resolve(classes).layers, (), image, steps)
    except _Broken as broken:
        return Trace(tuple(steps), broken.failure, steps[-1].output_shape if steps else image)
    last = steps[-1]
    failure = None
    if shape != (classes,):
        ends = f"{show(shape)} values" if len(shape) == 1 else f"a {show(shape)} map"
        message = f"the network ends in {ends}, not in one value for each of {classes} classes"
        failure = Failure(last.path, last.name, last.layer, last.input_shape, message, at_end=True)
    return Trace(tuple(steps), failure, shape)


class _Broken(Exception):  # noqa: N818 - it ends a walk, it is never shown
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _Tracer:
    """One walk: counts names and weights as it goes."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        self.last = "the image"
        self.values = 0

    def chain(self, layers: Sequence[Layer], path: Path, shape: Shape, into: list[Step]) -> Shape:
        for place, layer in enumerate(layers):
            shape = self.layer(layer, (*path, place), shape, into)
        return shape

    def layer(self, layer: Layer, path: Path, shape: Shape, into: list[Step]) -> Shape:
        if isinstance(layer, Repeat):
            for _ in range(layer.times):
                shape = self.chain(layer.layers, (*path, 0), shape, into)
            return shape
        before = self.last
        branches: list[list[Step]] = []
        try:
            for number, branch in enumerate(layer.branches):
                branches.append([])
                self.last = before
                self.chain(branch, (*path, number), shape, branches[-1])
            step = self.step(layer, path, shape, tuple(map(tuple, branches)), before)
        except _Broken:
            into.extend(step for branch in branches for step in branch)
            raise
        into.append(step)
        self.last = step.name
        return step.output_shape

    def step(
        self,
        layer: Layer,
        path: Path,
        shape: Shape,
        branches: tuple[tuple[Step, ...], ...],
        before: str,
    ) -> Step:
        self.names[layer.stem] += 1
        name = f"{layer.stem}{self.names[layer.stem]}"
        try:
            output = layer.output_shape(shape)
            weights = layer.weights(shape)
            self.weigh(output, weights)
        except DesignError as error:
            is_image = before == "the image"
            origin = f"the image is {show(shape)}" if is_image else f"{before} leaves {show(shape)}"
            message = f"{error.message} ({origin})"
            raise _Broken(Failure(path, name, layer, shape, message)) from None
        return Step(path, name, layer, shape, output, weights, branches)

    def weigh(self, output: Shape, weights: tuple[Weight, ...]) -> None:
        if prod(output) > MAX_VALUES:
            raise DesignError(
                f"its output {show(output)} would hold {prod(output):,} values, "
                f"more than {MAX_VALUES:,}"
            )
        own = sum(weight.size for weight in weights)
        if self.values + own > MAX_VALUES:
            raise DesignError(
                f"its {own:,} weights bring the network to {self.values + own:,}, "
                f"more than {MAX_VALUES:,}"
            )
        self.values += own


def _flat(steps: Sequence[Step]) -> list[Step]:
    flat: list[Step] = []
    for step in steps:
        for branch in step.branches:
            flat.extend(_flat(branch))
        flat.append(step)
    return flat
