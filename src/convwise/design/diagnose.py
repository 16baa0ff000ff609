"""From a network that cannot be to the edits that repair it, each tried before it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from convwise.design.dense import Dense
from convwise.design.flatten import Flatten
from convwise.design.global_pooling import GlobalAveragePooling2D
from convwise.design.layer import Layer, Replacement, arguments
from convwise.design.network import Network
from convwise.design.notation import describe
from convwise.design.repeat import Repeat
from convwise.design.trace import Failure, Path, Trace, trace
from convwise.errors import DesignError

MAX_FIXES = 3
# Layers that all trials together may walk over, and edits that one fix may join.
_TRIAL_BUDGET = 100_000
_MAX_EDITS = 3
# Unfinished repairs that the next round goes on from.
_WIDTH = 4


@dataclass(frozen=True)
class Problem:
    """Why a network cannot be.

    Args:
        layer: name of the first layer that cannot be, or of the last one where only the end is
            wrong.
        message: the arithmetic.
        fixes: one to three edits, each of which makes the network plan; best first.
        repaired: the network that each of the fixes gives.
    """

    layer: str
    message: str
    fixes: tuple[str, ...]
    repaired: tuple[Network, ...] = ()


@dataclass(frozen=True)
class _Attempt:
    """An edited network, the edits in words, and where it stands."""

    network: Network
    edits: tuple[str, ...]
    traced: Trace

    @property
    def words(self) -> str:
        return " and ".join(self.edits)

    @property
    def left(self) -> int:
        """Layers that the network has yet to plan."""
        return self.network_size - len(self.traced.flat) if self.traced.failure else 0

    @property
    def network_size(self) -> int:
        return sum(layer.count for layer in self.network.layers)


def diagnose(network: Network, image: tuple[int, int, int], classes: int, traced: Trace) -> Problem:
    """Return the problem of a network whose trace failed, with fixes that plan.

    Args:
        network: as it was asked for.
        image: (height, width, channels).
        classes: how many.
        traced: the failed trace of this network.
    """
    assert traced.failure is not None
    budget = _TRIAL_BUDGET
    fixes: dict[str, Network] = {}
    front = [_Attempt(network, (), traced)]
    for _ in range(_MAX_EDITS):
        unfinished: list[_Attempt] = []
        for attempt, words, edited in _edits(front, classes):
            budget -= sum(layer.count for layer in edited.layers)
            if budget < 0 or len(fixes) == MAX_FIXES:
                break
            result = _Attempt(edited, (*attempt.edits, words), trace(edited, image, classes))
            if result.traced.failure is None:
                fixes.setdefault(result.words, edited)
            elif result.left < attempt.left:
                unfinished.append(result)
        front = sorted(unfinished, key=lambda attempt: attempt.left)[:_WIDTH]
        if fixes or not front:
            break
    fixes = fixes or _cut_off(network, image, classes, traced)
    return Problem(traced.failure.name, traced.failure.message, tuple(fixes), tuple(fixes.values()))


def _edits(front: list[_Attempt], classes: int) -> Iterator[tuple[_Attempt, str, Network]]:
    for attempt in front:
        failure = attempt.traced.failure
        assert failure is not None
        for path, words, replacement in _candidates(attempt.network, attempt.traced, failure):
            try:
                yield attempt, words, Network(_put(attempt.network.layers, path, replacement))
            except DesignError:
                continue


def _candidates(
    network: Network, traced: Trace, failure: Failure
) -> Iterator[tuple[Path, str, Replacement]]:
    """Offer edits as (path, words, what stands there instead), likely ones first."""
    layer = _at(network.layers, failure.path)
    if failure.at_end:
        yield from _ends(network, layer, failure, traced)
        return
    everywhere = _in_every_repeat(network, failure.path)
    own = [
        (failure.path, _words(failure.name, layer, instead) + everywhere, instead)
        for instead in layer.repairs(failure.input_shape)
    ]
    yield from own[:1]
    yield from _fewer_times(network, traced, failure)
    yield from _earlier(network, traced, failure)
    yield from own[1:]


def _ends(
    network: Network, layer: Layer, failure: Failure, traced: Trace
) -> Iterator[tuple[Path, str, Replacement]]:
    end = (len(network.layers) - 1,)
    last = network.layers[-1]
    if isinstance(layer, Dense) and len(failure.path) == 1:
        instead = replace(layer, units="classes")
        yield failure.path, _words(failure.name, layer, (instead,)), (instead,)
    tails: list[tuple[Layer, ...]] = [(Dense("classes"),)]
    if len(traced.output_shape) == 3:
        tails = [(GlobalAveragePooling2D(), *tails[0]), (Flatten(), *tails[0])]
    for tail in tails:
        yield end, f"end with {_line(tail)}", (last, *tail)


def _fewer_times(
    network: Network, traced: Trace, failure: Failure
) -> Iterator[tuple[Path, str, Replacement]]:
    """Offer as many times of the outermost repeat as were whole."""
    for depth in range(1, len(failure.path), 2):
        path = failure.path[:depth]
        block = _at(network.layers, path)
        if not isinstance(block, Repeat):
            continue
        each = sum(layer.count for layer in block.layers)
        inside = sum(1 for step in traced.flat if step.path[:depth] == path)
        if whole := inside // each:
            words = f"repeat {whole} time{'s' * (whole > 1)} instead of {block.times}"
            yield path, words, (replace(block, times=whole),)


def _earlier(
    network: Network, traced: Trace, failure: Failure
) -> Iterator[tuple[Path, str, Replacement]]:
    """Offer earlier layers that leave a larger map, nearest first, or that keep the map a map."""
    seen: set[Path] = set()
    for step in reversed(traced.flat):
        if step.path in seen:
            continue
        seen.add(step.path)
        layer = _at(network.layers, step.path)
        choices = list(layer.roomier())
        if len(step.input_shape) == 3 and len(step.output_shape) == 1 == len(failure.input_shape):
            choices.append(())
        for instead in choices:
            words = _words(step.name, layer, instead) + _in_every_repeat(network, step.path)
            yield step.path, words, instead


def _cut_off(
    network: Network, image: tuple[int, int, int], classes: int, traced: Trace
) -> dict[str, Network]:
    """Return the fix that is always left: keep the layers that can be and end there."""
    assert traced.failure is not None
    place = traced.failure.path[0]
    kept = network.layers[:place]
    before = [step for step in traced.steps if step.path[0] < place]
    shape = before[-1].output_shape if before else image
    tail: tuple[Layer, ...] = (Dense("classes"),)
    if len(shape) == 3:
        tail = (GlobalAveragePooling2D(), *tail)
    cut = Network((*kept, *tail))
    if trace(cut, image, classes).failure:
        return {}
    after = f"after {before[-1].name} " if before else ""
    return {f"end {after}with {_line(tail)}": cut}


def _words(name: str, layer: Layer, instead: Replacement) -> str:
    """Say what an edit does, in Keras's words."""
    if not instead:
        return f"remove {name}"
    if instead[-1] is layer:
        return f"put {_line(instead[:-1])} before {name}"
    if instead in layer.branches:
        if len(layer.branches) == 1:
            return f"take the shortcut of {name} away"
        return f"keep only branch {layer.branches.index(instead) + 1} of {name}"
    new = instead[0]
    changed = [
        item.name
        for item, _ in arguments(type(new))
        if getattr(new, item.name) != getattr(layer, item.name)
    ]
    if {"layers", "chains"} & set(changed):
        return f'give the layers inside {name} padding="same"'
    told = ", ".join(f"{key}={_value(getattr(new, key))}" for key in changed)
    return f"give {name} {told}"


def _in_every_repeat(network: Network, path: Path) -> str:
    blocks = (_at(network.layers, path[:depth]) for depth in range(1, len(path), 2))
    return " in every repeat" if any(isinstance(block, Repeat) for block in blocks) else ""


def _value(value: object) -> str:
    if isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    return f'"{value}"' if isinstance(value, str) else str(value)


def _line(layers: tuple[Layer, ...]) -> str:
    return f"`{' | '.join(describe(layer) for layer in layers)}`"


def _at(layers: tuple[Layer, ...], path: Path) -> Layer:
    layer = layers[path[0]]
    for number, place in zip(path[1::2], path[2::2], strict=True):
        layer = layer.branches[number][place]
    return layer


def _put(layers: tuple[Layer, ...], path: Path, instead: Replacement) -> tuple[Layer, ...]:
    place = path[0]
    if len(path) > 1:
        block, number = layers[place], path[1]
        instead = block.with_branch(number, _put(block.branches[number], path[2:], instead))
    return (*layers[:place], *instead, *layers[place + 1 :])
