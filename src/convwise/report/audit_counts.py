"""How many pictures each class has in each split, with bars."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from convwise.data.audit.findings import Audit
from convwise.report.charts.bars import share_bar
from convwise.report.wording import count, counted, shown

MOST_CLASSES = 300


@dataclass(frozen=True)
class Cell:
    """A number of pictures, and a bar as long as its share of the split's largest class."""

    images: str
    bar: Markup


@dataclass(frozen=True)
class Row:
    """One class."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Counts:
    """The table of pictures per class and split."""

    splits: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: tuple[str, ...]
    more: int
    words: str


def class_counts(audit: Audit) -> Counts:
    """Return the table, with one row for each of the first 300 classes."""
    names = tuple(audit.classes)
    largest = {split: max(counts.values(), default=0) for split, counts in audit.counts.items()}
    rows = tuple(
        Row(
            shown(name),
            tuple(
                _cell(counts.get(name, 0), largest[split]) for split, counts in audit.counts.items()
            ),
        )
        for name in names[:MOST_CLASSES]
    )
    return Counts(
        splits=tuple(shown(split) for split in audit.counts),
        rows=rows,
        totals=tuple(count(sum(counts.values())) for counts in audit.counts.values()),
        more=len(names) - len(rows),
        words=_words(audit),
    )


def _cell(images: int, largest: int) -> Cell:
    return Cell(count(images), share_bar(images / largest if largest else 0.0, width=110))


def _words(audit: Audit) -> str:
    """Return how even the classes are in the training split."""
    sizes = list(audit.counts.get("train", {}).values())
    if not sizes or not max(sizes):
        return "There is nothing to learn from."
    if min(sizes) == max(sizes):
        return f"Each class has {counted(sizes[0], 'picture')} in train."
    span = f"The classes have {count(min(sizes))} to {count(max(sizes))} pictures in train"
    if not min(sizes):
        return f"{span}."
    return f"{span}: the largest is {max(sizes) / min(sizes):.3g} times the smallest."
