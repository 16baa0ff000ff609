"""Trainings that end otherwise than planned."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from convwise.model.modelfile import load_model
from convwise.training.checkpoint import load_checkpoint

TINY = ["--network", "flatten | dense classes", "--precision", "fp32", "--threads", "1"]
WIDE = ["--network", "flatten | dense 64 | dense classes", "--precision", "fp32"]
LIMIT = 50_000


def test_an_interrupted_training_keeps_what_it_learnt(
    convwise: Any, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = ["train", photos, *TINY, "--epochs", 100_000, "--out", out, "--json"]
    with convwise.start(arguments) as process:
        # An epoch's line says that the training runs.
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "stopping after this step" in err
    *epochs, result = (json.loads(line) for line in rest.splitlines())
    assert first["epoch"] == 1
    assert result["run"] == str(out)
    facts = json.loads((out / "run.json").read_text())
    assert facts["status"] == "interrupted"
    last = epochs[-1]["epoch"] if epochs else 1
    assert last == result["epochs"]
    assert load_checkpoint(out / "checkpoint").facts["epoch"]["number"] in (last, last + 1)
    assert f"go on with: convwise resume {out}" in err
    assert load_model(out).classes == ("left", "middle", "right")
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=out, check=True)


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_disk_that_is_full_ends_training_with_1_and_leaves_no_half_file(
    convwise: Any, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = ["train", photos, *WIDE, "--epochs", 2, "--out", out, "--json"]
    answer = convwise(*arguments, preexec_fn=small_files_only)
    assert answer.code == 1
    (line,) = (line for line in answer.err.splitlines() if line.startswith("convwise: "))
    assert line == answer.err.splitlines()[-1]
    for part in ("cannot write", str(out), "bytes", "free some space"):
        assert part in line
    assert max(path.stat().st_size for path in out.rglob("*") if path.is_file()) < LIMIT
    assert not list(out.rglob(".*"))
    assert not (out / "model.safetensors").exists()


def test_a_wrong_request_ends_at_once_and_in_one_line(convwise: Any, tmp_path: Path) -> None:
    answer = convwise("train", "fashion-mnits", "--out", tmp_path / "run", "--json", cwd=tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(
        "convwise: fashion-mnits: no folder, no file and no named data set"
    )
    assert answer.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_ends_a_command_quietly(convwise: Any) -> None:
    with convwise.start(["design", "resnet20", "--json"]) as process:
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=60)
    assert err == ""
    assert process.returncode in (0, 141)
