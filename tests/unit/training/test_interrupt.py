"""Signals are sent in a process of their own: a worker of a session may not survive one."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).with_name("interrupt_cases.py")


def test_signals_do_what_is_promised() -> None:
    tree = ast.parse(CASES.read_text(encoding="utf-8"))
    names = [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]
    cases = [name for name in names if name.startswith("test_")]
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(CASES)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert len(cases) >= 6
    assert done.returncode == 0, done.stdout[-3_000:]
    assert f"{len(cases)} passed" in done.stdout
