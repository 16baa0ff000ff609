"""One image as it came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Upload:
    """A file that was sent.

    Args:
        name: of the file, if it was told.
        content: the file's bytes.
    """

    name: str | None
    content: bytes
