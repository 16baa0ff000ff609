from __future__ import annotations

import subprocess
import sys

import pytest

import convwise

LIGHT = """
import sys
{}
heavy = {{"torch", "numpy", "scipy", "sklearn", "PIL"}} & set(sys.modules)
print(sorted(heavy))
"""


def modules_after(statement: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", LIGHT.format(statement)], capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", convwise.__all__)
def test_every_public_name_resolves_to_its_home(name: str) -> None:
    value = getattr(convwise, name)
    assert value.__name__ == name
    assert value.__module__.startswith("convwise.")


def test_public_names_are_documented() -> None:
    for name in convwise.__all__:
        assert getattr(convwise, name).__doc__, name


def test_dir_lists_the_public_names_and_the_version() -> None:
    assert dir(convwise) == sorted([*convwise.__all__, "__version__"])


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'clasifier'"):
        convwise.clasifier  # noqa: B018 - the access is what is tested


def test_public_names_are_sorted_and_have_a_home_each() -> None:
    assert convwise.__all__ == sorted(convwise.__all__) == sorted(convwise._HOMES)


def test_importing_convwise_imports_nothing_heavy() -> None:
    assert modules_after("import convwise") == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["predict", "--help"],
        ["train", "photos", "--epochs", "0"],
        ["design", "lenet", "--image", "28x28x1", "--classes", "10"],
        ["compare", "--help"],
        ["runs", "."],
    ],
    ids=" ".join,
)
def test_commands_that_compute_nothing_import_no_torch(arguments: list[str]) -> None:
    statement = f"from convwise.cli.main import run; run({arguments})"
    # Each takes a good part of a second or more.
    loaded = modules_after(statement)
    assert [name for name in ("torch", "scipy", "sklearn") if name in loaded] == []
