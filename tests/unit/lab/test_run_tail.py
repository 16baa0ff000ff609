from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convwise.lab.run_tail import RunTail
from convwise.training.lock import RunLock

EPOCH = {
    "epoch": 1,
    "train_loss": 1.0,
    "train_accuracy": 0.5,
    "validation_loss": 1.2,
    "validation_accuracy": 0.4,
    "learning_rate": 0.1,
    "seconds": 2.0,
    "images_per_second": 100.0,
}


def news(tail: RunTail) -> dict[str, Any]:
    found = list(tail.news())
    json.dumps(found, allow_nan=False)
    return dict(found)


def write(run: Path, name: str, content: Any) -> None:
    (run / name).write_text(content if isinstance(content, str) else json.dumps(content))


def add_epoch(run: Path, number: int, end: str = "\n") -> None:
    with (run / "history.jsonl").open("a") as file:
        file.write(json.dumps(EPOCH | {"epoch": number}) + end)


def test_a_run_that_has_not_begun_says_so(tmp_path: Path) -> None:
    found = news(RunTail(tmp_path / "later"))
    assert found.keys() == {"run"}
    assert found["run"]["status"] == ""


def test_only_what_has_changed_is_told(tmp_path: Path) -> None:
    tail = RunTail(tmp_path)
    write(tmp_path, "run.json", {"status": "interrupted", "network": {"name": "lenet"}})
    add_epoch(tmp_path, 1)
    found = news(tail)
    assert found.keys() == {"run", "history"}
    assert (found["run"]["status"], found["run"]["network"]) == ("interrupted", "lenet")
    assert (found["history"]["epochs"], len(found["history"]["charts"])) == (1, 2)
    assert news(tail) == {}
    add_epoch(tmp_path, 2)
    assert news(tail)["history"]["epochs"] == 2
    write(tmp_path, ".progress.json", {"share": 0.5, "epoch": 3, "message": "x", "other": 1})
    progress = news(tail)["progress"]
    assert (progress["share"], progress["message"], progress["loss"]) == (0.5, "x", None)
    (tmp_path / ".progress.json").unlink()
    assert news(tail)["progress"]["share"] is None


def test_whether_it_is_being_written_decides_between_running_and_broken_off(
    tmp_path: Path,
) -> None:
    write(tmp_path, "run.json", {"status": "running"})
    lock = RunLock(tmp_path)
    tail = RunTail(tmp_path)
    assert news(tail)["run"]["status"] == "running"
    lock.release()
    assert news(tail)["run"]["status"] == "broken off"


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    tail = RunTail(tmp_path)
    add_epoch(tmp_path, 1)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 2, "train')
    assert news(tail)["history"]["epochs"] == 1


def test_a_long_history_is_thinned_out_for_its_curves(tmp_path: Path) -> None:
    for number in range(1, 1_002):
        add_epoch(tmp_path, number)
    found = news(RunTail(tmp_path))["history"]
    assert (found["epochs"], found["last"]["epoch"]) == (1_001, 1_001)
    assert sum(len(chart) for chart in found["charts"]) < 400_000


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "nonsense",
        '{"status": ["<script>"], "network": 3, "data": null, "result": "x"}',
        '{"status": "running", "classes": [[]], "images": [1], "answers": {"a": 1}}',
        '{"epoch": NaN, "share": Infinity, "images": [{"png": 3}], "answers": [{"epoch": "x"}]}',
        "[" * 100_000,
    ],
)
def test_no_file_of_a_run_can_break_the_stream(content: str, tmp_path: Path) -> None:
    for name in ("run.json", "history.jsonl", ".progress.json", "examples.json"):
        write(tmp_path, name, content)
    news(RunTail(tmp_path))


def test_markup_in_a_run_stays_text(tmp_path: Path) -> None:
    add_epoch(tmp_path, 1)
    write(tmp_path, "run.json", {"status": "<img src=x onerror=alert(1)>"})
    found = news(RunTail(tmp_path))
    assert "<img" not in "".join(found["history"]["charts"])
