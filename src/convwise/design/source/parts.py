"""Rows of a plan with the repeats of its design found again, for loops in the printed program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from convwise.design.layer import Layer
from convwise.design.plan import Plan, Row
from convwise.design.repeat import Repeat

VARIABLES = "ij"
"""Variables of loops in loops; repeats that lie deeper are written out."""
MIN_SAVED = 6
"""Rows that a loop has to save to be worth its arithmetic of names."""


@dataclass(frozen=True)
class Loop:
    """Rows that come several times, with equal layers and shapes.

    Args:
        variable: counts the times from 0.
        times: how often.
        body: the parts of the first time.
        steps: by how much the number in a row's name grows from one time to the next, by stem.
    """

    variable: str
    times: int
    body: tuple[Part, ...]
    steps: Mapping[str, int]


Part = Row | Loop


@dataclass(frozen=True)
class Name:
    """A row's name as the printed program writes it.

    Args:
        text: ``conv1``, or ``conv{3 + 2 * i}`` within loops.
        is_fixed: it is the same each time.
    """

    text: str
    is_fixed: bool

    def quoted(self, ending: str = "") -> str:
        """Return it as a string of the program, an f-string within loops."""
        return f'{"" if self.is_fixed else "f"}"{self.text}{ending}"'


def name_of(row: Row, loops: Sequence[Loop]) -> Name:
    """Return the name of a row that lies in these loops."""
    stem = row.layer.stem
    moved = [(loop.variable, loop.steps[stem]) for loop in loops if loop.steps.get(stem)]
    if not moved:
        return Name(row.name, is_fixed=True)
    terms = (variable if step == 1 else f"{step} * {variable}" for variable, step in moved)
    return Name(f"{stem}{{{' + '.join([row.name.removeprefix(stem), *terms])}}}", is_fixed=False)


def parts_of(plan: Plan) -> tuple[Part, ...]:
    """Return the parts of a whole plan.

    Example:
        >>> from convwise.design.plan import plan
        >>> text = "repeat 7 (conv 3 3 same) | global_avgpool | dense classes"
        >>> [type(part).__name__ for part in parts_of(plan(text, "28x28x3", 10))]
        ['Loop', 'Row', 'Row']
    """
    return parts(plan.network.resolve(plan.classes).layers, plan.tree)


def parts(layers: Sequence[Layer], rows: Sequence[Row], depth: int = 0) -> tuple[Part, ...]:
    """Return the parts of a chain of layers.

    Args:
        layers: the chain, with its repeats.
        rows: the rows that it has become.
        depth: loops around it.
    """
    found: list[Part] = []
    place = 0
    for layer in layers:
        length = _length(layer)
        taken = rows[place : place + length]
        place += length
        found.extend(_repeated(layer, taken, depth) if isinstance(layer, Repeat) else taken)
    return tuple(found)


def _repeated(repeat: Repeat, rows: Sequence[Row], depth: int) -> Iterator[Part]:
    """Give a loop for times that are equal; the first is often not, as its input differs."""
    length = len(rows) // repeat.times
    times = [rows[start : start + length] for start in range(0, len(rows), length)]
    for _, alike in groupby(times, key=lambda time: [(row.layer, row.input_shape) for row in time]):
        equal = list(alike)
        steps = Counter(_stems(equal[0]))
        if depth < len(VARIABLES) and steps.total() * (len(equal) - 1) >= MIN_SAVED:
            body = parts(repeat.layers, equal[0], depth + 1)
            yield Loop(VARIABLES[depth], len(equal), body, steps)
        else:
            for time in equal:
                yield from parts(repeat.layers, time, depth)


def _length(layer: Layer) -> int:
    if isinstance(layer, Repeat):
        return layer.times * sum(map(_length, layer.layers))
    return 1


def _stems(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        yield row.layer.stem
        for branch in row.branches:
            yield from _stems(branch)
