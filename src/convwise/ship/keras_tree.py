"""A graph of layers as chains and branches that meet again, which is what networks here are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convwise.errors import ModelFileError
from convwise.model.weights import shown
from convwise.ship.keras_nodes import MEETING, SCALING, Node


@dataclass(frozen=True)
class Branched:
    """A node, and the chains that meet in it.

    Args:
        node: the layer.
        branches: chains from one common place to this node; none for a layer with one input.
    """

    node: Node
    branches: tuple[tuple[Branched, ...], ...] = ()


@dataclass(frozen=True)
class Found:
    """What a graph turned out to be.

    Args:
        image: (height, width, channels) of the input.
        scaling: layers right behind the input that scale pixels.
        tree: the layers after them, in order.
    """

    image: tuple[int, int, int]
    scaling: tuple[Node, ...]
    tree: tuple[Branched, ...]


def tree_of(nodes: Sequence[Node], output: str) -> Found:
    """Return the chains of a graph.

    Raises:
        ModelFileError: it has several inputs, a layer that is used twice, or branches that do not
            meet.
    """
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        for source in node.inputs:
            if source not in by_name:
                raise ModelFileError(
                    f"{shown(node.name)} is fed by {shown(source)}, which is not there"
                )
    inputs = [node for node in nodes if not node.inputs]
    if len(inputs) != 1 or inputs[0].kind != "InputLayer" or output not in by_name:
        raise ModelFileError("has no input, or several; it must begin with one InputLayer")
    order = _sorted(by_name, inputs[0].name)
    forks = _dominators(by_name, order)
    walk = _Walk(by_name, forks)
    chain = walk.chain(output, inputs[0].name)
    if len(walk.seen) + 1 < len(nodes):
        unused = next(n.name for n in nodes if n.name not in walk.seen and n is not inputs[0])
        raise ModelFileError(f"{shown(unused)} takes no part in the output")
    scaling = []
    while chain and chain[0].node.kind in SCALING and len(chain) > 1:
        scaling.append(chain[0].node)
        chain = chain[1:]
    return Found(_image(inputs[0]), tuple(scaling), chain)


def _image(node: Node) -> tuple[int, int, int]:
    shape = node.config.get("batch_shape") or node.config.get("batch_input_shape")
    sides = shape[1:] if isinstance(shape, list) else []
    if len(sides) != 3 or not all(type(side) is int and side > 0 for side in sides):
        raise ModelFileError("its input is no image of a fixed (height, width, channels)")
    if sides[2] not in (1, 3):
        raise ModelFileError(f"its input has {sides[2]} channels; use 1 (grey) or 3 (colour)")
    return sides[0], sides[1], sides[2]


def _sorted(by_name: Mapping[str, Node], start: str) -> list[str]:
    """Return names so that each comes after all that feed it."""
    waiting = {name: len(node.inputs) for name, node in by_name.items()}
    takers: dict[str, list[str]] = {name: [] for name in by_name}
    for name, node in by_name.items():
        for source in node.inputs:
            takers[source].append(name)
    ready, order = [start], []
    while ready:
        order.append(ready.pop())
        for taker in takers[order[-1]]:
            waiting[taker] -= 1
            if not waiting[taker]:
                ready.append(taker)
    if len(order) < len(by_name):
        raise ModelFileError("its layers feed each other in a circle")
    return order


def _dominators(by_name: Mapping[str, Node], order: Sequence[str]) -> dict[str, str]:
    """Return for each node the last one that every way to it runs through.

    Cooper, Harvey and Kennedy 2001, "A simple, fast dominance algorithm"; without circles one pass
    is enough.
    """
    place = {name: number for number, name in enumerate(order)}
    found = {order[0]: order[0]}
    for name in order[1:]:
        sources = by_name[name].inputs
        common = sources[0]
        for other in sources[1:]:
            while common != other:
                if place[common] > place[other]:
                    common = found[common]
                else:
                    other = found[other]
        found[name] = common
    return found


class _Walk:
    """Follows a graph from its output back to its input.

    Attributes:
        seen: names of the nodes that have been placed.
    """

    def __init__(self, by_name: Mapping[str, Node], forks: Mapping[str, str]) -> None:
        self._nodes, self._forks = by_name, forks
        self.seen: set[str] = set()

    def chain(self, end: str, start: str, depth: int = 0) -> tuple[Branched, ...]:
        """Return what lies behind ``start`` up to and with ``end``, in order."""
        if depth > 50:
            raise ModelFileError("its branches lie more than 50 deep")
        chain: list[Branched] = []
        while end != start:
            node = self._nodes[end]
            if end in self.seen:
                raise ModelFileError(f"{shown(end)} is used in several places that do not meet")
            self.seen.add(end)
            fork = self._forks[end]
            if node.kind in MEETING:
                branches = tuple(self.chain(each, fork, depth + 1) for each in node.inputs)
                chain.append(Branched(node, branches))
            elif len(node.inputs) == 1:
                chain.append(Branched(node))
            else:
                raise ModelFileError(
                    f"{shown(end)} ({shown(node.kind)}) has several inputs, or none"
                )
            end = fork
        return tuple(reversed(chain))
