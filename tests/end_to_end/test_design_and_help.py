"""The commands that answer at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
COMMANDS = ("design", "train", "evaluate", "predict", "doctor")


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_reads_as_it_should_at_80_columns(convwise: Any, command: str | None) -> None:
    result = convwise(*([command] if command else []), "--help")
    assert result.returncode == 0
    told = "\n".join(line.rstrip() for line in result.stdout.splitlines()) + "\n"
    assert max(map(len, told.splitlines())) <= 80
    golden = GOLDEN / f"{command or 'convwise'}.txt"
    if os.environ.get("CONVWISE_WRITE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["design", "lenet", "--image", "28x28x1", "--classes", "10"]]
)
def test_commands_that_need_no_torch_do_not_import_it(arguments: list[str]) -> None:
    program = (
        "import sys; from convwise.cli.main import run; code = run(sys.argv[1:]);"
        " sys.exit(99 if 'torch' in sys.modules else code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_design_prints_the_fixed_keys(convwise: Any) -> None:
    result = convwise("design", "lenet", "--image", "28x28x1", "--classes", 10, "--json")
    values = json.loads(result.stdout)
    assert values.keys() >= {"layers", "total_params", "trainable_params", "total_flops"}
    assert values["layers"][0].keys() >= {
        *("name", "layer", "output_shape", "params", "flops", "receptive_field"),
        "border_coverage",
    }
    assert values["total_params"] == 61_706 == sum(row["params"] for row in values["layers"])


def test_a_broken_design_exits_2_with_the_rows_so_far_and_its_problem(convwise: Any) -> None:
    text = "conv 8 5 | maxpool 9 | conv 8 5 | flatten | dense classes"
    result = convwise("design", text, "--image", "28x28x1", "--json")
    assert result.returncode == 2
    values = json.loads(result.stdout)
    assert [row["name"] for row in values["layers"]] == ["conv1", "pool1"]
    assert values["problem"].keys() == {"layer", "message", "fixes"}
    assert values["problem"]["layer"] == "conv2"
    assert values["problem"]["fixes"]


def test_doctor_tells_versions_and_what_is_missing(convwise: Any) -> None:
    result = convwise("doctor", "--json")
    assert result.returncode == 0
    values = json.loads(result.stdout)
    assert values["ready"] is True
    assert values["versions"]["torch"].startswith("2.")


def test_the_reference_pages_are_what_the_code_says() -> None:
    root = Path(__file__).parents[2]
    sys.path.insert(0, str(root / "docs"))
    try:
        import generate
    finally:
        sys.path.pop(0)
    for name, page in generate.PAGES.items():
        written = (root / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert written == page(), f"docs/reference/{name} is out of date; run make docs"
