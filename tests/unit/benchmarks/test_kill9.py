"""The short form of the benchmark that kills: its points end with the weights of the run alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"

if not Path("/proc/self/task").exists():
    pytest.skip("forks need a system that tells a process's threads", allow_module_level=True)


def test_killed_trainings_are_resumed_to_the_same_weights(tmp_path: Path) -> None:
    out = tmp_path / "kill9.json"
    command = [sys.executable, FOLDER / "kill9.py", "--points", "3", "--seed", "7", "--out", out]
    # Compiling kernels into an empty cache would take longer than all the rest.
    environment = os.environ | {"CONVWISE_KERNELS": "off", "TMPDIR": str(tmp_path)}
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    facts = json.loads(out.read_text(encoding="utf-8"))
    assert (facts["points"], facts["same_weights"], facts["failed"]) == (3, 3, [])
    assert facts["kills"] >= 3
    assert facts["kills_in_a_save"] >= 1
    assert not list(tmp_path.glob("convwise-kill9-*"))
