"""The programs in examples/ run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_training_in_python_learns_something() -> None:
    spec = importlib.util.spec_from_file_location(
        "train_in_python", EXAMPLES / "train_in_python.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(epochs=1, network="dense") > 0.6
