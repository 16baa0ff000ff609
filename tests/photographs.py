"""Photographs that ship inside packages, found without importing these."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

FOLDERS = {"sklearn": "datasets/images", "skimage": "data"}


def photograph(package: str, name: str) -> Path:
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed; run: pip install 'convwise[dev]'"
    assert spec.origin is not None
    return Path(spec.origin).parent / FOLDERS[package] / name
