"""The examples in docstrings run, and the design imports nothing heavy."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import convwise.design

MODULES = ["convwise.geometry", "convwise.design"] + [
    info.name for info in pkgutil.walk_packages(convwise.design.__path__, "convwise.design.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_design_is_imported_without_numpy_pydantic_rich_or_torch() -> None:
    heavy = "{'numpy', 'pydantic', 'rich', 'torch'}"
    code = f"import sys, convwise.design; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
