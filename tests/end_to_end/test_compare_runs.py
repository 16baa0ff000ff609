"""Three trainings of the command, compared by the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convwise.cli.main import run as command

TRAIN = [
    *("train", "fashion-mini", "--network", "flatten | dense classes", "--epochs", "1"),
    *("--precision", "fp32", "--threads", "1", "--no-cache"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, options in {
        "learnt": [],
        "again": [],
        "hardly": ["--lr", "1e-7"],
    }.items():
        assert command([*TRAIN, "--out", str(folder / name), *options]) == 0
    return folder


def test_a_run_that_learnt_is_better_than_one_that_did_not(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert command(["compare", str(runs / "hardly"), str(runs / "learnt")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "B is better than A" in out
    assert "of the same 2,000 test images" in out
    assert "Recipe: learning rate 1e-07 0.002" in out


def test_the_same_training_twice_cannot_be_told_apart(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert command(["compare", str(runs / "learnt"), str(runs / "again"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["comparisons"][0]["verdict"] == "undecided"
    assert "nothing tells them apart" in told["comparisons"][0]["said"]
    assert [one for one in told["settings"] if one["group"] != "run"] == []


def test_the_runs_are_listed_the_best_first(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert command(["runs", str(runs), "--sort", "accuracy", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["runs"]
    assert [Path(run["run"]).name for run in listed] == ["again", "learnt", "hardly"]
    assert {run["status"] for run in listed} == {"finished"}
