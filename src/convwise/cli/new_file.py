"""A file that a command is to write, checked before the work begins."""

from __future__ import annotations

from pathlib import Path

from convwise.errors import OptionError


def require_new_file(path: Path, option: str) -> None:
    """Check that a page may be written to ``path``.

    Raises:
        OptionError: something stands there, or its folder does not exist.
    """
    if path.is_dir():
        raise OptionError(f"{path} is a folder; give {option} the name of a file in it")
    if path.exists():
        raise OptionError(f"{path} exists; files are never overwritten: choose another name")
    if not path.parent.is_dir():
        raise OptionError(f"{path.parent} is no folder; make it first, or choose another name")
