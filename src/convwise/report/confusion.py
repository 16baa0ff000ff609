"""The confusion matrix: shades, words and the pairs that are mistaken most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from convwise.report.wording import count, counted, percent, shown

SHADES = 20
# Above this, counts no longer fit and only shades are drawn.
MOST_WITH_COUNTS = 24
# Above this, a matrix on a page is a grey square.
MOST_DRAWN = 120

Counts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Cell:
    """One cell: its count, its shade 0…20 and what it says in words (empty for a dense zero)."""

    count: int
    shade: int
    words: str
    right: bool
    text: str
    chosen: bool


@dataclass(frozen=True)
class Pair:
    """A class and one that it is mistaken for, with their places among the classes."""

    label: str
    predicted: str
    count: int
    share: float
    words: str
    row: int
    column: int


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix for the page; ``rows`` is empty where it would be too large to read."""

    names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    pairs: tuple[Pair, ...]
    size: str
    opening_words: str


def matrix(names: Sequence[str], counts: Counts) -> Matrix | None:
    r"""Return the matrix with its words, or None where names and counts do not fit each other.

    Args:
        names: the classes.
        counts: images, rows are the true class, columns the predicted one.

    Example:
        >>> matrix(["cat", "dog"], [[8, 2], [0, 10]]).pairs[0].words.partition(". ")[0]
        '2 of 10 images of cat (20.0\xa0%) were taken for dog'
    """
    if not names or len(counts) != len(names) or any(len(row) != len(names) for row in counts):
        return None
    labels = tuple(shown(name) for name in names)
    found = pairs(labels, counts)
    opening = _opening(counts)
    rows: tuple[tuple[Cell, ...], ...] = ()
    if len(names) <= MOST_DRAWN:
        rows = _rows(labels, counts, opening)
    return Matrix(
        names=labels,
        rows=rows,
        pairs=found[:8],
        size=_size(len(names)),
        opening_words=words(labels, counts, *opening),
    )


def shade(share: float) -> int:
    """Return the step 0…20 that stands for a share 0…1 of a row.

    The square root lets a few mistakes among many images still be seen.

    Example:
        >>> shade(0), shade(0.0001), shade(0.25), shade(1)
        (0, 1, 10, 20)
    """
    return max(round(math.sqrt(share) * SHADES), 1 if share > 0 else 0)


def words(names: Sequence[str], counts: Counts, row: int, column: int) -> str:
    r"""Return what one cell says, seen from its row and from its column.

    Example:
        >>> words(["cat", "dog"], [[8, 2], [0, 10]], 0, 0).partition(". ")[0]
        '8 of 10 images of cat (80.0\xa0%) were recognised'
    """
    here, in_row = counts[row][column], sum(counts[row])
    called = sum(line[column] for line in counts)
    label, predicted = names[row], names[column]
    if not here:
        fate = "recognised" if row == column else f"taken for {predicted}"
        return f"None of {counted(in_row, 'image')} of {label} was {fate}."
    were = "was" if here == 1 else "were"
    fate = "recognised" if row == column else f"taken for {predicted}"
    share = percent(here / in_row)
    first = f"{count(here)} of {counted(in_row, 'image')} of {label} ({share}) {were} {fate}."
    return f"{first} Of {counted(called, 'image')} called {predicted}, " + (
        f"{percent(here / called)} are right."
        if row == column
        else f"{percent(here / called)} are {label}."
    )


def pairs(names: Sequence[str], counts: Counts) -> tuple[Pair, ...]:
    """Return the pairs that are mistaken, the most frequent first."""
    found = [
        Pair(names[i], names[j], here, here / sum(row), words(names, counts, i, j), i, j)
        for i, row in enumerate(counts)
        for j, here in enumerate(row)
        if here and i != j
    ]
    return tuple(sorted(found, key=lambda pair: (-pair.count, -pair.share)))


def _rows(
    names: Sequence[str], counts: Counts, opening: tuple[int, int]
) -> tuple[tuple[Cell, ...], ...]:
    roomy = len(names) <= MOST_WITH_COUNTS
    return tuple(
        tuple(
            Cell(
                count=here,
                shade=shade(here / max(sum(row), 1)),
                words=words(names, counts, i, j) if roomy or here else "",
                right=i == j,
                text=count(here) if roomy and here else "",
                chosen=(i, j) == opening,
            )
            for j, here in enumerate(row)
        )
        for i, row in enumerate(counts)
    )


def _opening(counts: Counts) -> tuple[int, int]:
    """The cell that the page opens on: the most frequent mistake, else the first class."""
    wrong = [(here, -i, -j) for i, row in enumerate(counts) for j, here in enumerate(row) if i != j]
    most, i, j = max(wrong, default=(0, 0, 0))
    return (-i, -j) if most else (0, 0)


def _size(classes: int) -> str:
    if classes <= 4:
        return "few"
    return "some" if classes <= MOST_WITH_COUNTS else "many"
