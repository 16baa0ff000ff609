"""Where things are printed: answers on standard output, news on standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console


def answers() -> Console:
    """Return the console of standard output."""
    return Console(highlight=False)


def news() -> Console:
    """Return the console of standard error: progress and messages."""
    return Console(stderr=True, highlight=False)


def print_json(values: Any, *, indent: int | None = None) -> None:
    """Print one JSON document on standard output and flush it."""
    print(json.dumps(values, ensure_ascii=False, indent=indent, allow_nan=False), flush=True)
    sys.stdout.flush()


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
