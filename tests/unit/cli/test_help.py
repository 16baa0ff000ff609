"""What ``--help`` prints at 80 columns, kept word for word in tests/golden/cli.

After a wanted change: ``CONVWISE_WRITE_GOLDEN=1 pytest tests/unit/cli/test_help.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convwise.cli.main import COMMANDS, run

GOLDEN = Path(__file__).parents[2] / "golden" / "cli"
PAGES = {"convwise": [], **{name: [name] for name in COMMANDS}}


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run([*arguments, "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return "\n".join(line.rstrip() for line in captured.out.splitlines()) + "\n"


@pytest.mark.parametrize("name", PAGES)
def test_help_is_what_it_was(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(PAGES[name], capsys)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("CONVWISE_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_help_fits_eighty_columns_and_shows_no_python(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(PAGES[name], capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert "None" not in text
    assert "[default: False]" not in text


def test_every_golden_page_has_a_command() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == PAGES.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_of_a_command_calls_it(name: str) -> None:
    examples = COMMANDS[name][1].strip().splitlines()
    assert examples
    assert all(
        line.startswith(f"convwise {name} ") or line == f"convwise {name}" for line in examples
    )
