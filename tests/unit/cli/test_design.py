"""``convwise design`` with its ways out: page, source code, and two designs side by side."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from convwise.cli.main import run
from convwise.design import zoo
from convwise.design.memory import activation_memory
from convwise.design.plan import plan

BROKEN = "conv 8 3 | maxpool 2 | maxpool 2 | conv 8 9 | flatten | dense classes"


def command(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convwise", "design", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_page_is_written_beside_the_table(tmp_path: Path) -> None:
    done = command("lenet", "--html", "lenet.html", folder=tmp_path)
    assert done.returncode == 0
    assert "61,706" in done.stdout
    assert "lenet.html" in done.stderr
    page = (tmp_path / "lenet.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["lenet.html"]


def test_a_page_and_json_go_together(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "lenet", "--html", "a.html", "--json", "--batch", "7"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["memory"]["batch"] == 7
    assert "Memory to train on 7 images" in (here / "a.html").read_text(encoding="utf-8")


def test_a_broken_design_still_gets_its_page(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["design", BROKEN, "--html", "broken.html"]) == 2
    assert "cannot be built" in capsys.readouterr().err
    page = (here / "broken.html").read_text(encoding="utf-8")
    assert "does not fit" in page
    assert plan(BROKEN, "28x28x1", 10).problem.fixes[1] in page


def test_a_page_never_replaces_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.html").write_text("mine")
    assert run(["design", "lenet", "--html", "mine.html"]) == 2
    assert "mine.html exists" in capsys.readouterr().err
    assert (here / "mine.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--html", "."], "is a folder"),
        (["--html", "gone/page.html"], "gone is no folder"),
        (["--html", "page.html", "--batch", "0"], "batch is 0"),
        (["--html", "page.html", "--object", "0"], "object_size is 0"),
        (["--json", "--batch", "-1"], "batch is -1"),
        (["--to", "jax"], "keras"),
        (["--beside", "lenett"], "did you mean lenet"),
        (["--beside", "vgg-small", "--batch", "0"], "batch is 0"),
    ],
)
def test_a_wrong_flag_writes_nothing(
    arguments: list[str], words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["design", "lenet", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["lenet", "--list"],
        ["--list", "--html", "page.html"],
        ["--list", "--to", "keras"],
        ["--list", "--beside", "lenet"],
        ["--list", "--image", "28x28x1"],
        ["--list", "--batch", "2"],
        ["lenet", "--to", "keras", "--json"],
        ["lenet", "--to", "keras", "--html", "page.html"],
        ["lenet", "--to", "torch", "--beside", "dense"],
        ["lenet", "--to", "torch", "--batch", "2"],
        ["lenet", "--beside", "dense", "--html", "page.html"],
        ["lenet", "--beside", "dense", "--object", "9"],
    ],
    ids=" ".join,
)
def test_flags_that_do_not_go_together_are_refused(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["design", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "do not go together" in captured.err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(("to", "library"), [("keras", "keras"), ("torch", "torch")])
def test_source_is_a_program_without_convwise(to: str, library: str) -> None:
    done = command("keras-convnet", "--to", to)
    assert done.returncode == 0
    assert done.stderr == ""
    tree = ast.parse(done.stdout)
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert library in modules
    assert "convwise" not in modules


def test_a_broken_design_has_no_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", BROKEN, "--to", "keras"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("convwise: conv2: ")


def test_two_designs_lie_side_by_side_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    long = "conv 32 3 same relu | maxpool 2 | conv 64 3 same relu | flatten | dense classes"
    assert run(["design", "resnet152", "--beside", long, "--batch", "4096"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= 80
    (params,) = (line for line in shown if line.startswith("params  "))
    total = plan("resnet152", "224x224x3", 1000).total_params
    assert params.split()[1] == f"{total:,}"


def test_two_designs_as_json_hold_the_totals_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--image", "32x32x3", "--classes", "7", "--batch", "3", "--json"]
    assert run(["design", "resnet20", "--beside", "vgg-small", *arguments]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["batch"] == 3
    assert [design["name"] for design in values["designs"]] == ["resnet20", "vgg-small"]
    for design in values["designs"]:
        alone = plan(design["name"], "32x32x3", 7)
        assert design["params"] == alone.total_params
        assert design["flops"] == alone.total_flops
        assert design["memory"]["training"] == activation_memory(alone, 3).training
        assert design["problem"] is None


def test_a_broken_design_beside_another_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "lenet", "--beside", BROKEN]) == 2
    captured = capsys.readouterr()
    assert "61,706" in captured.out
    assert "cannot be built: conv2: " in captured.err


@pytest.mark.parametrize("name", zoo.names())
def test_a_network_of_the_zoo_comes_with_its_image_and_classes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["design", name, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    entry = zoo.entry(name)
    assert values["image"] == list(entry.image)
    assert values["classes"] == entry.classes
    assert entry.params in (None, values["trainable_params"])


def test_the_size_of_the_object_settles_the_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "keras-convnet", "--object", "20", "--json"]) == 0
    large = json.loads(capsys.readouterr().out)["warnings"]
    assert run(["design", "keras-convnet", "--object", "5", "--json"]) == 0
    small = json.loads(capsys.readouterr().out)["warnings"]
    assert any("20" in warning["message"] for warning in large)
    assert len(small) < len(large)


@pytest.mark.parametrize("arguments", [["lenet"], ["lenet", "--beside", "dense"], ["--list"]])
def test_a_design_is_shown_without_torch_or_templates(arguments: list[str]) -> None:
    program = (
        "import sys; from convwise.cli.main import run; "
        f"assert run({['design', *arguments]!r}) == 0; "
        "sys.exit(bool({'torch', 'jinja2', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_page_is_written_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from convwise.cli.main import run; "
        "assert run(['design', 'resnet152', '--html', 'page.html']) == 0; "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
