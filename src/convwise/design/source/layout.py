"""Statements of a program and how they are laid out: four spaces, at most 100 columns.

Long calls are broken as the formatters black and ruff break them, so that a printed program is
formatted already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 100
INDENT = 4


@dataclass(frozen=True)
class Call:
    """An expression or statement with brackets that may be broken.

    Args:
        head: text up to and with the opening bracket.
        arguments: what stands in the brackets.
        tail: text from the closing bracket on.

    Example:
        >>> Call("x = f(", ("1", Call("[", ("2", "3"), "]")), ")").flat
        'x = f(1, [2, 3])'
    """

    head: str
    arguments: tuple[str | Call, ...]
    tail: str = ")"

    @property
    def flat(self) -> str:
        """The whole of it on one line."""
        return f"{self.head}{', '.join(map(flat, self.arguments))}{self.tail}"


@dataclass(frozen=True)
class For:
    """Statements that run for each number below ``times``."""

    variable: str
    times: int
    body: tuple[Statement, ...]


Statement = str | Call | For


def flat(expression: str | Call) -> str:
    """Return an expression on one line."""
    return expression if isinstance(expression, str) else expression.flat


def lay_out(statements: Sequence[Statement], indent: int = 0) -> Iterator[str]:
    """Write statements as lines, indented by so many columns.

    Example:
        >>> list(lay_out([For("i", 3, ("x = f(x)",))]))
        ['for i in range(3):', '    x = f(x)']
    """
    for statement in statements:
        if isinstance(statement, For):
            yield f"{' ' * indent}for {statement.variable} in range({statement.times}):"
            yield from lay_out(statement.body, indent + INDENT)
        else:
            yield from _broken(statement, indent, "")


def _broken(expression: str | Call, indent: int, after: str) -> Iterator[str]:
    """Write an expression, on one line where it fits; ``after`` is the comma behind it."""
    line = f"{' ' * indent}{flat(expression)}{after}"
    if isinstance(expression, str) or len(line) <= WIDTH or not expression.arguments:
        yield line
        return
    deeper = indent + INDENT
    inside = f"{' ' * deeper}{', '.join(map(flat, expression.arguments))}"
    alone = len(expression.arguments) == 1 and isinstance(expression.arguments[0], Call)
    # A formatter would rather break the second brackets of f(a)(x), unless each argument of the
    # first has a line of its own.
    second = expression.tail.startswith(")(") and len(line) - len(expression.tail) + 2 <= WIDTH
    yield f"{' ' * indent}{expression.head}"
    if expression.head.endswith("(") and len(inside) <= WIDTH and not second:
        yield inside
    elif alone:
        yield from _broken(expression.arguments[0], deeper, "")
    else:
        for argument in expression.arguments:
            yield from _broken(argument, deeper, ",")
    yield f"{' ' * indent}{expression.tail}{after}"
