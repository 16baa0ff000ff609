"""From files or arrays to pixels in memory: sources, decoding, splits, batches.

The names below load on first use, so importing one file of this folder stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convwise.data.dataset import Dataset, Decoded, Samples, Skipped
    from convwise.data.load import load_data
    from convwise.data.store import PixelStore

_HOME = {
    "Dataset": "dataset",
    "Decoded": "dataset",
    "PixelStore": "store",
    "Samples": "dataset",
    "Skipped": "dataset",
    "load_data": "load",
}

__all__ = ["Dataset", "Decoded", "PixelStore", "Samples", "Skipped", "load_data"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
