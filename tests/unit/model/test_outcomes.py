from __future__ import annotations

import json
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from filelock import FileLock

from convwise.model import outcomes
from convwise.model.outcomes import Outcomes

PROCESSES, EACH = 5, 20


def keep_some(path: Path, number: int, start: Barrier) -> None:
    kept = Outcomes(path, str)
    start.wait()
    for place in range(EACH):
        kept.keep(f"layer {number}-{place}", "kernel")
        kept.keep(f"shared {place}", f"of {number}")
    agreed = {key: value for key, value in kept.known.items() if key.startswith("shared")}
    path.with_name(f"agreed-{number}").write_text(json.dumps(agreed))


def test_nothing_is_lost_where_several_processes_keep_outcomes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "races" / "here.json"
    path.parent.mkdir()
    forking = multiprocessing.get_context("fork")
    start = forking.Barrier(PROCESSES)
    processes = [
        forking.Process(target=keep_some, args=(path, number, start)) for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    kept = Outcomes(path, str).known
    own = {f"layer {number}-{place}" for number in range(PROCESSES) for place in range(EACH)}
    assert own <= set(kept)
    shared = {key: value for key, value in kept.items() if key.startswith("shared")}
    assert len(shared) == EACH
    for number in range(PROCESSES):
        assert json.loads((path.parent / f"agreed-{number}").read_text()) == shared
    assert not list(path.parent.glob(".here.json.*"))


def test_what_was_kept_first_stands(tmp_path: Path) -> None:
    path = tmp_path / "here.json"
    early, late = Outcomes(path, str), Outcomes(path, str)
    assert early.keep("pool1", "kernel") == "kernel"
    assert late.keep("pool1", "torch") == "kernel"
    assert late.known == Outcomes(path, str).known == {"pool1": "kernel"}


def test_a_lock_that_is_never_let_go_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "PATIENCE", 0.05)
    path = tmp_path / "here.json"
    with FileLock(path.with_suffix(".lock")):
        kept = Outcomes(path, str)
        assert kept.keep("pool1", "kernel") == "kernel"
        assert kept.keep("pool2", "torch") == "torch"
    assert Outcomes(path, str).known == {"pool1": "kernel", "pool2": "torch"}


@pytest.mark.parametrize("refused", ["mkdir", "write_text", "replace", "lock"])
def test_a_cache_that_cannot_be_written_fails_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(*values: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(*((FileLock, "acquire") if refused == "lock" else (Path, refused)), refuse)
    kept = Outcomes(tmp_path / "races" / "here.json", str)
    assert kept.keep("pool1", "kernel") == "kernel"
    assert kept.known == {"pool1": "kernel"}
    monkeypatch.undo()
    assert not list(tmp_path.glob("races/.here*"))
