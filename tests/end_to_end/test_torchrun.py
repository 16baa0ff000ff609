from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def test_torchrun_trains_in_two_processes_and_tells_once(
    convwise: Any, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    program = ["--nproc-per-node=2", "-m", "convwise", "train", str(photos), "--epochs", "2"]
    options = ["--network", "flatten | dense classes", "--precision", "fp32", "--threads", "1"]
    result = subprocess.run(
        [*launcher, *program, *options, "--out", str(out), "--json"],
        env=convwise.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    *epochs, last = (json.loads(line) for line in result.stdout.splitlines())
    assert [record["epoch"] for record in epochs] == [1, 2]
    facts = json.loads((out / "run.json").read_text())
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["images"] == facts["data"]["counts"]["test"]
    assert last["run"] == str(out)
    assert (out / "report.html").exists()
