"""The line of a network's text that is wrong, with a mark below the place."""

from __future__ import annotations

import re
import unicodedata

from convwise.errors import NotationError

# Two of 80 columns are the indentation.
WIDTH = 78


def excerpt(error: NotationError) -> tuple[str, ...]:
    """Return the line and the mark, or nothing where there is no line to show.

    Example:
        >>> error = NotationError("convv is no layer", line=1, column=13)
        >>> error.source = "maxpool 2 | convv 8 3"
        >>> print(*excerpt(error), sep="\\n")
          maxpool 2 | convv 8 3
                      ^^^^^
    """
    if not error.source or not error.source.strip():
        return ()
    place = min(error.column - 1, len(error.source))
    # In a long line, what stands before the place tells where it is.
    start = max(place - WIDTH // 3, 0)
    before = ("…" if start else "") + _visible(error.source[start + bool(start) : place])
    behind = _visible(error.source[place : place + 2 * WIDTH])
    word = re.match(r"[^\s|()]*", behind)
    shown = _cut(before + behind, WIDTH)
    mark = "^" * max(min(_width(word[0]) if word else 1, WIDTH - _width(before)), 1)
    return (f"  {shown}".rstrip(), f"  {' ' * _width(before)}{mark}")


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[:width] if len(text) > width else text[:-1]
    return text + "…"


def _width(text: str) -> int:
    """Return columns of a terminal: most letters take one, those of East Asia two."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )
