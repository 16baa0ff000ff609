from __future__ import annotations

import doctest
import importlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.cli.main import run
from convwise.design.plan import plan

DOCS = Path(__file__).parents[2] / "docs"
CONCEPTS = DOCS / "concepts"
PAGES = sorted(path.name for path in CONCEPTS.glob("*.md"))
IDEAS = [name for name in PAGES if name != "README.md"]
CONSOLE = re.compile(r"^```console\n\$ (convwise [^\n]*)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^( *)```python\n(.*?)^ *```\n", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SVG = "{http://www.w3.org/2000/svg}"


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


GENERATOR = load("generate_concepts")
SLIDING = load("concept_figures.sliding")


def text(name: str) -> str:
    return (CONCEPTS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_the_tables_and_outputs_that_convwise_computes(name: str) -> None:
    assert text(name) == GENERATOR.filled(text(name)), f"{name} is out of date; run make docs"


@pytest.mark.parametrize("name", GENERATOR.FIGURES)
def test_a_figure_is_what_convwise_draws(name: str) -> None:
    written = (CONCEPTS / "figures" / name).read_text(encoding="utf-8")
    assert written == GENERATOR.FIGURES[name](), f"{name} is out of date; run make docs"


def test_every_figure_and_table_that_is_made_stands_on_a_page() -> None:
    everything = "".join(map(text, PAGES))
    shown = set(re.findall(r"\]\(figures/([^)]+)\)", everything))
    assert shown == set(GENERATOR.FIGURES)
    assert shown == {path.name for path in (CONCEPTS / "figures").iterdir()}
    tables = re.findall(r"<!-- table ([\w-]+) -->", everything)
    assert sorted(tables) == sorted(GENERATOR.TABLES)


def test_every_mark_of_a_table_is_closed() -> None:
    for name in PAGES:
        assert text(name).count("<!-- table ") == text(name).count("<!-- end of table -->"), name


@pytest.mark.parametrize("name", IDEAS)
def test_a_page_has_a_figure_a_command_an_example_and_sources(name: str) -> None:
    page = text(name)
    assert "](figures/" in page
    assert CONSOLE.search(page)
    assert PYTHON.search(page)
    assert "when it does not hold\n" in page.lower()
    assert "\n## Sources\n" in page


@pytest.mark.parametrize(
    ("name", "command", "shown"),
    [(name, *found) for name in PAGES for found in CONSOLE.findall(text(name))],
)
def test_a_command_prints_what_the_page_shows(
    name: str,
    command: str,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run(shlex.split(command)[1:])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines
    assert shown.splitlines() == lines


@pytest.mark.parametrize("name", IDEAS)
def test_the_examples_of_a_page_run_and_give_what_it_shows(name: str) -> None:
    blocks = [
        "".join(line.removeprefix(indent) for line in block.splitlines(keepends=True))
        for indent, block in PYTHON.findall(text(name))
    ]
    test = doctest.DocTestParser().get_doctest("\n\n".join(blocks), {}, name, name, 0)
    assert test.examples
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert result.failed == 0, "".join(told)


@pytest.mark.parametrize("name", PAGES)
def test_every_link_to_a_file_resolves(name: str) -> None:
    for link in LINK.findall(text(name)):
        if not link.startswith("https://"):
            assert (CONCEPTS / link).is_file(), link


def test_the_index_lists_every_page_once_and_each_page_leads_to_the_next() -> None:
    order = re.findall(r"^\d\. \[[^\]]+\]\(([\w-]+\.md)\)", text("README.md"), re.MULTILINE)
    assert sorted(order) == IDEAS
    for page, following in pairwise(order):
        assert f"]({following})" in text(page).splitlines()[-1], page
        assert f"]({page})" in text(following).splitlines()[-1], following


@pytest.mark.parametrize("name", GENERATOR.FIGURES)
def test_a_figure_tells_itself_to_those_who_cannot_see_it(name: str) -> None:
    root = ElementTree.fromstring(GENERATOR.FIGURES[name]())
    ids = {node.get("id"): node.text for node in root.iter() if node.get("id")}
    assert root.get("role") == "img"
    assert ids[root.get("aria-labelledby")]
    assert ids[root.get("aria-describedby")]
    style = root.find(f"{SVG}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in (style.text or "")


def test_a_command_that_cannot_be_run_is_not_written_into_a_page() -> None:
    with pytest.raises(ValueError, match="no network"):
        GENERATOR.output("convwise design lenett")


def test_an_outdated_table_is_replaced() -> None:
    page = "<!-- table stride-cost -->\nold\n<!-- end of table -->\n"
    assert "old" not in GENERATOR.filled(page)
    assert "| stride of the first |" in GENERATOR.filled(page)


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(3, 9),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 4),
    padding=st.sampled_from(["same", "valid"]),
)
def test_the_figures_slide_windows_as_the_plan_does(
    size: int, kernel: int, stride: int, padding: str
) -> None:
    values = np.arange(size * size, dtype=float).reshape(size, size)
    found = SLIDING.convolve(values, np.ones((kernel, kernel)), stride, padding)
    network = f"conv 1 {kernel} {stride} {padding} | flatten | dense classes"
    assert found.shape == plan(network, (size, size, 1), 2).rows[0].output_shape[:2]
    # The sum over all windows counts each value as often as it takes part in one.
    read = SLIDING.times_read(size, kernel, stride, padding)
    assert found.sum() == (read * values).sum()


def test_pooling_of_the_figures_takes_the_largest_and_the_mean() -> None:
    values = np.array([[1.0, 2, 0, 4], [3, 9, 0, 0]])
    assert SLIDING.max_pool(values).tolist() == [[9, 4]]
    assert SLIDING.average_pool(values).tolist() == [[3.75, 1]]


def test_the_generator_needs_no_torch() -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(DOCS)!r}); import generate_concepts as made;"
        "[make() for make in (made.FIGURES | made.TABLES).values()]; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
