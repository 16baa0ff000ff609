"""Words of the notation: lines, indentation, bars, brackets and comments, before any meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from convwise.design.block import MAX_DEPTH
from convwise.errors import NotationError

MAX_TEXT = 100_000

_TOKEN = re.compile(r"[|()]|[^\s|()]+")


@dataclass(frozen=True)
class Word:
    """A word with its place, both counted from 1."""

    text: str
    line: int
    column: int

    def error(self, message: str) -> NotationError:
        """Return the error that points at this word."""
        return NotationError(message, line=self.line, column=self.column)


@dataclass
class Item:
    """A layer's words and, for a block, the items that it holds."""

    words: tuple[Word, ...]
    body: list[Item] = field(default_factory=list)


def read_items(text: str) -> list[Item]:
    """Split a text into layers.

    Raises:
        NotationError: it is empty, too long, nested too deep, or its bars, brackets or indentation
            do not fit.
    """
    if len(text) > MAX_TEXT:
        raise NotationError(
            f"the text has {len(text):,} characters; use at most {MAX_TEXT:,}", line=1
        )
    top: list[Item] = []
    # Each entry: an indentation and the list that items of that indentation join.
    levels: list[tuple[int, list[Item]]] = [(0, top)]
    for number, line in enumerate(split_lines(text), start=1):
        words = _words(line, number)
        if not words:
            continue
        indent = words[0].column - 1
        if indent > levels[-1][0]:
            levels.append((indent, _opened(levels[-1][1], words[0])))
            if len(levels) > MAX_DEPTH + 1:
                raise words[0].error(f"layers lie more than {MAX_DEPTH} blocks deep")
        while indent < levels[-1][0]:
            levels.pop()
        if indent != levels[-1][0]:
            raise words[0].error("the indentation fits no line above; line it up with one")
        levels[-1][1].extend(_Line(words).items())
    if not top:
        raise NotationError("there are no layers; write for example: conv 32 3 same relu", line=1)
    return top


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, whichever system wrote it.

    Example:
        >>> split_lines("flatten\\r\\ndense 10")
        ['flatten', 'dense 10']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _words(line: str, number: int) -> list[Word]:
    content = line.split("#", 1)[0].rstrip()
    start = content[: len(content) - len(content.lstrip())]
    if start.strip(" "):
        raise NotationError("indent with spaces only", line=number)
    return [Word(found[0], number, found.start() + 1) for found in _TOKEN.finditer(content)]


def _opened(items: list[Item], word: Word) -> list[Item]:
    """Return the body of the last item, which deeper indentation opens."""
    if not items:
        raise word.error("the first layer is indented; start it at the left")
    if items[-1].body:
        raise word.error(f"{items[-1].words[0].text} has its layers already; indent it less")
    return items[-1].body


class _Line:
    """Reads the items of one line."""

    def __init__(self, words: list[Word]) -> None:
        self.words = words
        self.place = 0

    def items(self) -> list[Item]:
        found = list(self._chain(0))
        if self.place < len(self.words):
            raise self.words[self.place].error("this bracket closes nothing")
        return found

    def _chain(self, depth: int) -> Iterator[Item]:
        if depth > MAX_DEPTH:
            raise self.words[self.place - 1].error(f"layers lie more than {MAX_DEPTH} blocks deep")
        while True:
            yield self._item(depth)
            if self._peek() != "|":
                return
            self.place += 1

    def _item(self, depth: int) -> Item:
        start = self.place
        while self._peek() not in ("", "|", "(", ")"):
            self.place += 1
        item = Item(tuple(self.words[start : self.place]))
        if not item.words:
            raise self.words[min(start, len(self.words) - 1)].error("a layer is missing here")
        if self._peek() == "(":
            opening = self.words[self.place]
            self.place += 1
            item.body = list(self._chain(depth + 1))
            if self._peek() != ")":
                raise opening.error("this bracket is not closed on its line")
            self.place += 1
            if self._peek() not in ("", "|", ")"):
                raise self.words[self.place].error("put a bar between a closed bracket and this")
        return item

    def _peek(self) -> str:
        return self.words[self.place].text if self.place < len(self.words) else ""
