"""The walk through a plan that both printed languages share: chains, loops, branches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from convwise.design.branches import Add, Concatenate
from convwise.design.layer import Layer
from convwise.design.plan import Plan, Row
from convwise.design.residual import Residual
from convwise.design.source.layout import For, Statement
from convwise.design.source.parts import Loop, Name, Part, name_of, parts


@dataclass(frozen=True)
class Code:
    """Statements of a program.

    Args:
        steps: what is computed, in order.
        members: what has to be made before, in the order of the plan.
    """

    steps: tuple[Statement, ...] = ()
    members: tuple[Statement, ...] = ()

    def __add__(self, other: Code) -> Code:
        return Code(self.steps + other.steps, self.members + other.members)


class Walk(ABC):
    """Follows the parts of a plan; what a language says of each is left to it.

    Attributes:
        taken: names of variables that still hold a value that is needed.
    """

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def chain(
        self, chain: Sequence[Part], source: str, target: str, loops: tuple[Loop, ...] = ()
    ) -> Code:
        """Return the code that reads one variable and leaves the chain's output in another."""
        code = Code()
        for part in chain:
            if isinstance(part, Loop):
                code += self._loop(part, source, target, loops)
            elif isinstance(part.layer, Residual):
                code += self._residual(part, part.layer, source, target, loops)
            elif isinstance(part.layer, Add | Concatenate):
                code += self._meeting(part, part.layer, source, target, loops)
            else:
                code += self.layer(part, name_of(part, loops), source, target, len(loops))
            source = target
        return code

    @abstractmethod
    def layer(self, row: Row, name: Name, source: str, target: str, depth: int) -> Code:
        """Return the code of a layer that is no block; ``depth`` loops lie around it."""

    @abstractmethod
    def shortcut(self, row: Row, name: Name, source: str, target: str) -> Code:
        """Return the code of a shortcut around a block that changes the shape."""

    @abstractmethod
    def meet(self, layer: Layer, name: Name, sources: Sequence[str], target: str) -> Code:
        """Return the code that adds or concatenates variables."""

    def _loop(self, loop: Loop, source: str, target: str, loops: tuple[Loop, ...]) -> Code:
        body = self.chain(loop.body, target, target, (*loops, loop))
        first: tuple[Statement, ...] = () if source == target else (f"{target} = {source}",)
        steps = For(loop.variable, loop.times, body.steps)
        members = For(loop.variable, loop.times, body.members)
        return Code((*first, steps), (members,) if body.members else ())

    def _residual(
        self, row: Row, layer: Residual, source: str, target: str, loops: tuple[Loop, ...]
    ) -> Code:
        name = name_of(row, loops)
        chain = parts(layer.layers, row.branches[0], len(loops))
        changes = row.input_shape != row.output_shape
        if source != target and not changes:
            # The chain leaves its source as it is, so that needs no second name.
            code = self.chain(chain, source, target, loops)
            return code + self.meet(layer, name, [target, source], target)
        around = self._take("shortcut")
        kept = Code((f"{around} = {source}",))
        if changes:
            kept = self.shortcut(row, name, source, around)
        code = self.chain(chain, source, target, loops)
        self.taken.discard(around)
        # The shortcut is computed first, as the chain may write over its source.
        code = Code(kept.steps + code.steps, code.members + kept.members)
        return code + self.meet(layer, name, [target, around], target)

    def _meeting(
        self,
        row: Row,
        layer: Add | Concatenate,
        source: str,
        target: str,
        loops: tuple[Loop, ...],
    ) -> Code:
        code, ends = Code(), []
        for chain, rows in zip(layer.chains, row.branches, strict=True):
            ends.append(self._take("branch") if chain else source)
            code += self.chain(parts(chain, rows, len(loops)), source, ends[-1], loops)
        self.taken.difference_update(end for end in ends if end != source)
        return code + self.meet(layer, name_of(row, loops), ends, target)

    def _take(self, stem: str) -> str:
        """Return a variable that is free: ``stem``, ``stem2``, ``stem3``, …."""
        numbers = ("" if number == 1 else str(number) for number in count(1))
        name = next(stem + number for number in numbers if stem + number not in self.taken)
        self.taken.add(name)
        return name


def heading(plan: Plan) -> list[str]:
    """Return comment lines with the design, its image and its classes."""
    height, width, channels = plan.image
    first = f"# A network for images of {height}×{width}×{channels} and {plan.classes} classes,"
    told = [f"#     {line}" for line in plan.network.to_text().splitlines()]
    return [first, "# printed by convwise from this design:", "#", *told]
