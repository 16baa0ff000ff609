"""Kinds of layer arguments: one object checks, reads and writes an argument in text and JSON.

A layer says of each of its fields which kind it is (``field(metadata=about(Whole()))``); checking,
the notation and JSON follow from that.
"""

from __future__ import annotations

import math
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convwise.errors import did_you_mean

MAX_FILTERS = 65_536
MAX_WINDOW = 16_384

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


class Argument(ABC):
    """A kind of argument. All methods raise ValueError with the reason, worded after a name."""

    @abstractmethod
    def check(self, value: object) -> Any:
        """Return the value in its stored form."""

    @abstractmethod
    def read(self, word: str) -> Any:
        """Return what a word of the notation means; range is left to :meth:`check`."""

    @abstractmethod
    def write(self, value: Any) -> str:
        """Return the word that :meth:`read` and :meth:`check` turn into ``value`` again."""

    def to_json(self, value: Any) -> Any:
        """Return plain JSON values."""
        return value

    def from_json(self, value: Any) -> Any:
        """Return what :meth:`check` takes."""
        return value

    @property
    def words(self) -> tuple[str, ...]:
        """Words that may stand for this argument without its name."""
        return ()


def about(argument: Argument, *, positional: bool = False) -> Mapping[str, Any]:
    """Return the metadata of a layer's field.

    Args:
        argument: its kind.
        positional: the notation takes it without its name.
    """
    return {"argument": argument, "positional": positional}


def read_number(word: str) -> int | float:
    """Return the number that a word spells, an int where it is written as one."""
    if not _NUMBER.fullmatch(word):
        raise ValueError(f"is {word!r}, which is not a number")
    if len(word) > 40:
        raise ValueError("is a number of more than 40 digits")
    return int(word) if word.lstrip("+-").isdecimal() else float(word)


@dataclass(frozen=True)
class Whole(Argument):
    """A whole number from ``least`` to ``most``."""

    least: int = 1
    most: int = MAX_WINDOW

    def check(self, value: object) -> int:
        """Return the value in its stored form."""
        if isinstance(value, bool):
            raise ValueError(f"is {value}; use a whole number")
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            raise ValueError(f"is {_shown(value)}; use a whole number") from None
        if not self.least <= number <= self.most:
            raise ValueError(f"is {_shown(number)}; use {self.least:,} to {self.most:,}")
        return number

    def read(self, word: str) -> int | float:
        """Return what a word means."""
        return read_number(word)

    def write(self, value: int) -> str:
        """Return the word for a value."""
        return str(value)


@dataclass(frozen=True)
class Units(Whole):
    """A whole number, or ``"classes"`` for the number of classes."""

    most: int = MAX_FILTERS

    def check(self, value: object) -> Any:
        """Return the value in its stored form."""
        return value if value == "classes" else super().check(value)

    def read(self, word: str) -> Any:
        """Return what a word means."""
        return word if word == "classes" else super().read(word)

    @property
    def words(self) -> tuple[str, ...]:
        """Words that need no name."""
        return ("classes",)


@dataclass(frozen=True)
class Number(Argument):
    """A number from ``least`` to ``most``; ``below`` shuts out ``most`` itself."""

    least: float
    most: float
    below: bool = False
    above: bool = False

    def check(self, value: object) -> float:
        """Return the value in its stored form."""
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise ValueError(f"is {_shown(value)}; use a number")
        try:
            number = float(value)
        except (OverflowError, ValueError, TypeError):
            raise ValueError(f"is {_shown(value)}; use a number") from None
        inside = number < self.most if self.below else number <= self.most
        if math.isnan(number) or not inside or number < self.least:
            raise ValueError(f"is {number}; use {self._range()}")
        if self.above and number == self.least:
            raise ValueError(f"is {number}; use {self._range()}")
        return number

    def _range(self) -> str:
        low = f"more than {self.least:g}" if self.above else f"{self.least:g}"
        return f"{low} {'to less than' if self.below else 'to'} {self.most:g}"

    def read(self, word: str) -> int | float:
        """Return what a word means."""
        return read_number(word)

    def write(self, value: float) -> str:
        """Return the word for a value."""
        return repr(value)


@dataclass(frozen=True)
class Flag(Argument):
    """True or false."""

    def check(self, value: object) -> bool:
        """Return the value in its stored form."""
        if not isinstance(value, bool):
            raise ValueError(f"is {_shown(value)}; use True or False")
        return value

    def read(self, word: str) -> bool:
        """Return what a word means."""
        if word not in ("true", "false"):
            raise ValueError(f"is {word!r}; use true or false")
        return word == "true"

    def write(self, value: bool) -> str:
        """Return the word for a value."""
        return "true" if value else "false"


@dataclass(frozen=True)
class Choice(Argument):
    """One of some words, or None where ``optional``; ``aliases`` are (other word, choice)."""

    choices: tuple[str, ...]
    optional: bool = False
    aliases: tuple[tuple[str, str], ...] = ()

    def check(self, value: object) -> str | None:
        """Return the value in its stored form."""
        if value is None and self.optional:
            return None
        for alias, choice in self.aliases:
            value = choice if value == alias else value
        if not isinstance(value, str) or value not in self.choices:
            near = did_you_mean(value, self.choices) if isinstance(value, str) else ""
            raise ValueError(f"is {_shown(value)}; use {', '.join(self.choices)}{near}")
        return value

    def read(self, word: str) -> str | None:
        """Return what a word means."""
        if word == "none" and self.optional:
            return None
        return str(self.check(word))

    def write(self, value: str | None) -> str:
        """Return the word for a value."""
        return "none" if value is None else value

    @property
    def words(self) -> tuple[str, ...]:
        """Words that need no name."""
        return (*self.choices, *(alias for alias, _ in self.aliases))


@dataclass(frozen=True)
class Pair(Argument):
    """Two whole numbers (rows, columns), or one for both; None where ``optional``."""

    each: Whole = Whole()
    optional: bool = False

    def check(self, value: object) -> tuple[int, int] | None:
        """Return the value in its stored form."""
        if value is None and self.optional:
            return None
        if isinstance(value, (tuple, list)):
            if len(value) != 2:
                raise ValueError(f"is {_shown(value)}; use one number or two (rows, columns)")
            return self.each.check(value[0]), self.each.check(value[1])
        side = self.each.check(value)
        return side, side

    def read(self, word: str) -> Any:
        """Return what a word means."""
        if word == "none" and self.optional:
            return None
        numbers = tuple(read_number(part) for part in word.split("x"))
        return numbers[0] if len(numbers) == 1 else numbers

    def write(self, value: tuple[int, int] | None) -> str:
        """Return the word for a value."""
        if value is None:
            return "none"
        return str(value[0]) if value[0] == value[1] else f"{value[0]}x{value[1]}"

    def to_json(self, value: tuple[int, int] | None) -> Any:
        """Return a list, or None."""
        return None if value is None else list(value)


def _shown(value: object) -> str:
    """Return a value as its owner would write it, cut where it is long."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) < 10**18 else "a number of more than 18 digits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
