"""The one-way order of DESIGN section 2, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "convwise"

LEVELS = (
    {"errors", "geometry", "image"},
    {"data", "design"},
    {"kernels"},
    {"model"},
    {"evaluation"},
    {"training"},
    {"studies", "explain", "ship"},
    {"report", "serve"},
    {"classifier", "lab", "cli"},
)
LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}
NEVER_MEET = ({"data", "design"},)
MODULES = sorted(
    path
    for path in SOURCE.rglob("*.py")
    if path.relative_to(SOURCE).as_posix() not in ("__init__.py", "__main__.py")
)
TORCH_IN_DATA = {"warp.py", "batches.py"}


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Every module that is named in an import, at any depth of the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parts_imported(path: Path) -> set[str]:
    own = {name.split(".")[1] for name in imported(path) if name.startswith("convwise.")}
    return own - {part_of(path)}


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 60


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_imports_only_from_above(path: Path) -> None:
    part = part_of(path)
    assert part in LEVEL, f"{part} has no place in the order of layers"
    for other in parts_imported(path):
        assert other in LEVEL, f"{path.name} imports {other}, which has no place in the order"
        assert LEVEL[other] <= LEVEL[part], f"{part} may not import {other}"
        assert {part, other} not in NEVER_MEET, f"{part} and {other} never meet"


@pytest.mark.parametrize("part", ["errors", "geometry", "image", "design"])
def test_ground_and_design_import_no_torch(part: str) -> None:
    for path in MODULES:
        if part_of(path) == part:
            assert not {"torch", "safetensors"} & {name.split(".")[0] for name in imported(path)}


def test_data_imports_torch_only_where_tensors_are_made() -> None:
    with_torch = {
        path.name
        for path in MODULES
        if part_of(path) == "data" and "torch" in {name.split(".")[0] for name in imported(path)}
    }
    assert with_torch <= TORCH_IN_DATA


def test_nothing_imports_pickle_or_torchvision() -> None:
    for path in MODULES:
        assert not {"pickle", "torchvision", "joblib"} & {
            name.split(".")[0] for name in imported(path)
        }, path
