"""A training that is killed, resumed, terminated and resumed again, all from the command line."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from convwise.training.run import CHECKSUMS

TINY = ["--network", "flatten | dense classes", "--precision", "fp32", "--threads", "1"]
LONG = [*TINY, "--epochs", 200]


def wait_for_reader(process: subprocess.Popen[str]) -> None:
    """Let so little output wait that no training gets to its last epoch before its signal."""
    assert process.stdout is not None
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)


def test_a_killed_and_terminated_training_ends_with_the_bits_of_one_left_alone(
    convwise: Any, photos: Path, tmp_path: Path
) -> None:
    alone, other = tmp_path / "alone", tmp_path / "other"
    assert convwise("train", photos, *LONG, "--out", alone).code == 0

    with convwise.start(["train", photos, *LONG, "--out", other, "--json"]) as process:
        wait_for_reader(process)
        process.stdout.readline()
        process.kill()
    assert not (other / CHECKSUMS).exists()

    with convwise.start(["resume", other, "--json"]) as process:
        wait_for_reader(process)
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert first["epoch"] > 0
    assert f"go on with: convwise resume {other}" in err
    assert json.loads((other / "run.json").read_text())["status"] in ("interrupted", "running")

    ended = convwise("resume", other)
    assert ended.code == 0, ended.err
    assert "test accuracy" in ended.out
    for name in ("model.safetensors", "predictions.csv", "metrics.json"):
        assert (other / name).read_bytes() == (alone / name).read_bytes(), name
    files = [{path.name for path in each.rglob("*")} for each in (alone, other)]
    assert files[0] == files[1]

    again = convwise("resume", other)
    assert again.code == 2
    assert "is finished" in again.err
