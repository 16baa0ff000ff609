from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from convwise.training import other_work
from convwise.training.other_work import OtherWorkWatcher, advice, busy_seconds


@pytest.fixture(autouse=True)
def _four_threads_on_four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_work, "usable_cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)


class Machine:
    """Time passes, this process computes on its threads, and others on some cores."""

    def __init__(self, others: float) -> None:
        self.now = self.own = self.busy = 0.0
        self.others = others

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.own += 3.5 * seconds
        self.busy += (3.5 + self.others) * seconds


def told(notes: Any, machine: Machine, steps: int) -> list[str]:
    watcher = OtherWorkWatcher(
        notes, lambda: machine.busy, lambda: machine.own, lambda: machine.now
    )
    watcher.started(2, 10, None)
    for step in range(steps):
        machine.pass_by(1.0)
        watcher.step(1, step + 1, 0.1, 1.0, 100.0)
    assert len(notes.of("started")) == 1
    assert len(notes.of("step")) == steps
    return [str(text) for (text,) in notes.of("message")]


def test_other_programs_are_told_of_once(notes: Any) -> None:
    assert told(notes, Machine(1.1), 8) == [
        "other programs keep about 1.1 of 4 cores busy, and 4 threads wait for each other:"
        " --threads 3 should be faster"
    ]


def test_a_quiet_machine_is_not(notes: Any) -> None:
    assert told(notes, Machine(0.3), 8) == []


def test_what_lasts_a_moment_is_not(notes: Any) -> None:
    assert told(notes, Machine(2.0), 2) == []


def test_a_single_thread_waits_for_nobody(notes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert told(notes, Machine(3.0), 8) == []


def test_one_thread_is_left_however_busy_the_machine_is() -> None:
    assert str(advice(7.0)).endswith("--threads 1 should be faster")


def test_as_many_threads_as_there_are_cores_left_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert advice(2.0) is None


def test_busy_seconds_grow_by_what_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_work, "usable_cores", os.cpu_count)
    before = busy_seconds()
    if before is None:
        pytest.skip("this system does not tell")
    started = os.times().user
    while os.times().user - started < 0.2:
        sum(range(1_000))
    after = busy_seconds()
    assert after is not None
    assert after - before > 0.1


def test_a_system_that_does_not_tell_is_left_alone(
    notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_work, "Path", lambda name: Path("/nowhere"))
    monkeypatch.setattr(other_work, "usable_cores", os.cpu_count)
    assert busy_seconds() is None
    watcher = OtherWorkWatcher(notes)
    watcher.started(1, 1, None)
    watcher.step(1, 1, 0.1, 1.0, 1.0)
    assert notes.of("message") == []
