"""What all plain views share: a console that messages are printed on, line by line."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console


class PlainLines:
    """Prints messages; a context, as live views are, that needs no clearing up."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def message(self, text: str) -> None:
        """Print the message."""
        self._console.print(text, soft_wrap=True)
