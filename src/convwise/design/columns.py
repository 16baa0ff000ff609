"""Columns: lines of cells under headings, laid out to the console's width.

What rich's own table does, for plain text and many lines: that one takes most of a second for a
network of 500 rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

_GAP = "  "
_NARROWEST = 10


@dataclass(frozen=True)
class Columns:
    """A table that rich can print.

    Args:
        headings: one a column.
        lines: cells of each line, as many as headings.
        left: how many columns start at the left; numbers after them end at the right.
        folded: the column whose cells go on in the next line where the width does not suffice.

    Example:
        >>> made = Columns(("name", "params"), (("conv1", "320"), ("dense1", "16,010")), left=1)
        >>> print(*made.text(80), sep="\\n")
        name    params
        conv1      320
        dense1  16,010
    """

    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    left: int = 1
    folded: int = 0

    def text(self, width: int) -> Iterator[str]:
        """Yield the heading's line, then the others, each of at most ``width`` characters."""
        widths = [max(map(len, cells)) for cells in zip(self.headings, *self.lines, strict=True)]
        others = sum(widths) - widths[self.folded] + len(_GAP) * (len(widths) - 1)
        widths[self.folded] = min(widths[self.folded], max(width - others, _NARROWEST))
        for cells in (self.headings, *self.lines):
            parts = wrap(cells[self.folded], widths[self.folded]) or [""]
            yield self._line((*cells[: self.folded], parts[0], *cells[self.folded + 1 :]), widths)
            for part in parts[1:]:
                rest = [""] * len(cells)
                rest[self.folded] = part
                yield self._line(rest, widths)

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        padded = (
            cell.ljust(width) if place < self.left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return _GAP.join(padded).rstrip()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Let rich print it, the heading in bold."""
        from rich.segment import Segment
        from rich.style import Style

        style: Style | None = Style(bold=True)
        for line in self.text(options.max_width):
            yield Segment(line, style)
            yield Segment.line()
            style = None
