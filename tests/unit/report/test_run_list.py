from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convwise.cli.main import run as command
from convwise.errors import DataError
from convwise.report.run_list import list_runs


def write(folder: Path, **facts: Any) -> Path:
    folder.mkdir(parents=True)
    run = {
        "status": "finished",
        "created": "2026-01-01T00:00:00+00:00",
        "network": {"name": "fast"},
        "data": {"name": "photos"},
        "precision": {"chosen": "fp32"},
    }
    (folder / "run.json").write_text(json.dumps(run | facts))
    return folder


def result(accuracy: float, seconds: float) -> dict[str, Any]:
    return {
        "epochs": 4,
        "test_accuracy": accuracy,
        "test_accuracy_interval": [accuracy - 0.01, accuracy + 0.01],
        "train_seconds": seconds,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    write(runs / "a", result=result(0.9, 30), created="2026-01-02T00:00:00+00:00")
    write(runs / "b", result=result(0.8, 10), created="2026-01-03T00:00:00+00:00")
    killed = write(runs / "killed", status="running")
    (killed / "history.jsonl").write_text('{"seconds": 1.5}\n{"seconds": 3.5}\n{"sec')
    (runs / "torn").mkdir()
    (runs / "torn" / "run.json").write_text('{"status": "fin')
    (runs / "early" / "checkpoint").mkdir(parents=True)
    (runs / "photos").mkdir()
    (runs / ".cache").mkdir()
    (runs / "lr.html").touch()
    return runs


def names(folder: Path, order: Any) -> list[str]:
    return [Path(run.run).name for run in list_runs(folder, order).runs]


def test_runs_come_in_the_order_asked_for(folder: Path) -> None:
    assert names(folder, "date") == ["b", "a", "killed"]
    assert names(folder, "name") == ["a", "b", "killed"]
    assert names(folder, "accuracy") == ["a", "b", "killed"]
    assert names(folder, "seconds") == ["killed", "b", "a"]


def test_what_is_no_finished_run_is_told(folder: Path) -> None:
    found = list_runs(folder)
    killed = found.runs[-1]
    assert (killed.status, killed.epochs, killed.seconds) == ("running", 2, 3.5)
    assert killed.test_accuracy is None
    assert [(Path(name).name, reason) for name, reason in found.broken] == [
        ("early", "ended before its first step; there is no run.json"),
        ("torn", "run.json is no JSON; it was cut off or damaged"),
    ]
    assert [Path(name).name for name in found.foreign] == ["photos"]


@pytest.mark.parametrize("content", ["[]", "{}", "nonsense", "[" * 100_000, "\xff"])
def test_a_strange_run_json_is_broken_and_nothing_more(folder: Path, content: str) -> None:
    (folder / "torn" / "run.json").write_text(content, encoding="latin-1")
    assert len(list_runs(folder).broken) == 2


def test_a_run_may_be_named_itself(folder: Path) -> None:
    assert [run.test_accuracy for run in list_runs(folder / "a").runs] == [0.9]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        list_runs(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file"):
        list_runs(tmp_path / "file")


def test_the_command_prints_a_line_a_run_and_tells_the_rest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["runs", str(folder), "--sort", "accuracy"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 4
    assert lines[1].split()[:5] == ["a", "photos", "fast", "4", "90.00"]
    assert "89.0–91.0" in lines[1]
    assert lines[0].split()[-1] == "status"
    assert "killed; still training, or killed" in err
    assert "broken: " in err
    assert "no runs: " in err


def test_usual_runs_fit_a_terminal_of_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write(
            tmp_path / f"fashion-mnist-fast-{number}",
            data={"name": "fashion-mnist"},
            result=result(0.9367, 234.5) | {"epochs": 28},
        )
    assert command(["runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    assert "status" not in lines[0]


def test_the_command_gives_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["runs", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [run["test_accuracy"] for run in told["runs"]] == [0.8, 0.9, None]
    assert len(told["broken"]) == 2


def test_an_empty_folder_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["runs", str(tmp_path)]) == 0
    assert "no run in" in capsys.readouterr().err
