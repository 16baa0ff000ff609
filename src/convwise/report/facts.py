"""A label and what stands against it: the smallest part of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.report.wording import count, shown

# More names than this and the list hides what stands after it.
MOST_NAMES = 12


@dataclass(frozen=True)
class Fact:
    """A label and what stands against it."""

    label: str
    value: str


def listing(names: Sequence[object], most: int = MOST_NAMES) -> str:
    """Return names in a row, and how many more there are.

    Example:
        >>> listing(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    told = [shown(name) for name in names[:most]]
    rest = len(names) - len(told)
    if rest:
        return f"{', '.join(told)} and {count(rest)} more"
    return " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told)
