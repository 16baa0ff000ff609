"""Where things are printed: answers on standard output, news on standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console


def answers() -> Console:
    """Return the console of standard output."""
    return _console(stderr=False)


def news() -> Console:
    """Return the console of standard error: progress and messages."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Names of classes and files are shown as they are: "[b]" and ":cat:" are no markup.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_json(values: Any, *, indent: int | None = None) -> None:
    """Print one JSON document on standard output and flush it."""
    text = json.dumps(values, ensure_ascii=False, indent=indent, allow_nan=False)
    # What the terminal's encoding lacks, a file name that is no UTF-8 say, JSON writes as \uXXXX.
    print(text if _can_print(text) else json.dumps(values, indent=indent), flush=True)


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def percent(share: float) -> str:
    """Return a share as a percentage with two decimals."""
    return f"{100 * share:.2f} %"


def accuracy_line(figures: dict[str, Any]) -> str:
    """Return an accuracy with its interval and number of images, in words."""
    low, high = figures["accuracy_interval"]
    return (
        f"{percent(figures['accuracy'])}"
        f"  (95 % interval {100 * low:.2f} … {100 * high:.2f} %, {figures['images']:,} images)"
    )
