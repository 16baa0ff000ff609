from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fake_training
from convwise.errors import OptionError
from convwise.lab.places import UnknownIdError
from convwise.lab.training_entry import Entry
from convwise.lab.training_queue import FILE, FOLDER, TrainingQueue

PROGRAM = (sys.executable, fake_training.__file__)
LONG = "60"


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[Callable[[], TrainingQueue]]:
    """Open queues of one folder; at the end all are closed."""
    made: list[TrainingQueue] = []

    def open_one() -> TrainingQueue:
        queue = TrainingQueue(tmp_path / "runs", PROGRAM)
        queue.open()
        made.append(queue)
        return queue

    yield open_one
    for queue in made:
        queue.close(10)


def add(queue: TrainingQueue, seconds: str = LONG, stem: str = "bars-lenet") -> Entry:
    return queue.add(stem, lambda run: ("train", "bars", "--seconds", seconds, "--out", str(run)))


def until(queue: TrainingQueue, which: str, state: str) -> Entry:
    end = time.monotonic() + 60
    while (entry := queue.entry(which)).state != state:
        assert time.monotonic() < end, entry
        time.sleep(0.01)
    return entry


def started(entry: Entry) -> Entry:
    """Wait until the process heeds signals."""
    end = time.monotonic() + 60
    while not (entry.folder / "run.json").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return entry


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").exists()


def test_one_trains_and_the_others_wait_for_their_turn(
    queues: Callable[[], TrainingQueue],
) -> None:
    queue = queues()
    first, second, third = (add(queue, "0.2") for _ in range(3))
    assert [entry.state for entry in queue.entries()] == ["running", "waiting", "waiting"]
    for entry in (first, second, third):
        ended = until(queue, entry.id, "ended")
        assert (ended.code, ended.message) == (0, "finished")
        # Nobody overtakes.
        later = [each.state for each in queue.entries()]
        assert later == sorted(later, key=["ended", "running", "waiting"].index)
    assert [entry.folder.name for entry in queue.entries()] == [
        f"bars-lenet-{n}" for n in (1, 2, 3)
    ]


def test_the_process_gets_exactly_the_words_that_are_shown(
    queues: Callable[[], TrainingQueue],
) -> None:
    queue = queues()
    nasty = "$(touch gone); 'x' | cat"
    entry = queue.add("a", lambda run: ("train", nasty, "--seconds", "0", "--out", str(run)))
    until(queue, entry.id, "ended")
    assert queue.last_words(entry.id).startswith(f"training train {nasty} --seconds 0")
    assert entry.command.startswith("convwise train '$(touch gone); '")
    assert not Path("gone").exists()


def test_a_stopped_training_is_interrupted_once_and_the_next_begins(
    queues: Callable[[], TrainingQueue],
) -> None:
    queue = queues()
    first, second = started(add(queue)), add(queue, "0")
    assert queue.stop(first.id).state == "stopping"
    ended = until(queue, first.id, "ended")
    assert (ended.code, ended.pid) == (130, None)
    assert ended.message == "stopped; its checkpoint is kept"
    assert json.loads((first.folder / "run.json").read_text())["status"] == "interrupted"
    assert until(queue, second.id, "ended").code == 0


def test_a_waiting_training_is_taken_out(queues: Callable[[], TrainingQueue]) -> None:
    queue = queues()
    first, second = add(queue), add(queue)
    taken = queue.stop(second.id)
    assert (taken.state, taken.code, taken.message) == ("ended", None, "taken out of the queue")
    queue.stop(started(first).id)
    until(queue, first.id, "ended")
    assert not second.folder.exists()


def test_a_run_goes_on_with_its_own_command(queues: Callable[[], TrainingQueue]) -> None:
    queue = queues()
    first = started(add(queue))
    queue.stop(first.id)
    until(queue, first.id, "ended")
    again = queue.resume(first.folder)
    assert again.arguments[0] == "resume"
    assert until(queue, again.id, "ended").message == "finished"


def test_a_run_is_not_queued_twice(queues: Callable[[], TrainingQueue]) -> None:
    queue = queues()
    add(queue)
    waiting = add(queue)
    with pytest.raises(OptionError, match="is in the queue already"):
        queue.resume(waiting.folder)


def test_why_a_training_failed_is_told(queues: Callable[[], TrainingQueue]) -> None:
    queue = queues()
    entry = queue.add("fail", lambda run: ("train", "fail", "--out", str(run)))
    ended = until(queue, entry.id, "ended")
    assert (ended.code, ended.message) == (2, "fail: no such data set; choose another one")


def test_closing_stops_the_training_and_starts_no_other(
    queues: Callable[[], TrainingQueue],
) -> None:
    queue = queues()
    first, second = started(add(queue)), add(queue)
    queue.close(20)
    assert json.loads((first.folder / "run.json").read_text())["status"] == "interrupted"
    assert not second.folder.exists()
    found = queues().entries()
    assert [entry.state for entry in found] == ["ended", "ended"]
    assert found[0].message == "stopped; its checkpoint is kept"
    assert found[1].message == "the lab ended before its turn came"


def test_a_study_waits_in_the_same_queue_and_lies_among_the_studies(tmp_path: Path) -> None:
    def opened() -> TrainingQueue:
        queue = TrainingQueue(tmp_path / "runs", PROGRAM, tmp_path / "studies")
        queue.open()
        return queue

    queue = opened()
    first = started(add(queue))
    study = queue.add(
        "bars",
        lambda out: ("study", "bars", "--seconds", "0", "--out", str(out)),
        tmp_path / "studies",
    )
    assert (study.state, study.folder) == ("waiting", tmp_path / "studies" / "bars-1")
    queue.stop(first.id)
    ended = until(queue, study.id, "ended")
    assert (ended.code, ended.message) == (0, "finished")
    queue.close(10)
    again = opened()
    assert [entry.is_study for entry in again.entries()] == [False, True]
    again.close(1)


def test_a_stopped_study_keeps_what_is_done(tmp_path: Path) -> None:
    queue = TrainingQueue(tmp_path / "runs", PROGRAM, tmp_path / "studies")
    study = queue.add(
        "bars", lambda out: ("study", "bars", "--out", str(out)), tmp_path / "studies"
    )
    end = time.monotonic() + 60
    while not (study.folder / "study.json").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert queue.stop(study.id).message == "stopping: what is done is kept"
    assert until(queue, study.id, "ended").message.startswith("stopped; what is done is kept")
    queue.close(10)


def test_a_second_lab_sees_the_queue_and_cannot_change_it(
    queues: Callable[[], TrainingQueue],
) -> None:
    one = queues()
    entry = add(one)
    other = queues()
    assert [each.id for each in other.entries()] == [entry.id]
    assert other.entries()[0].state == "running"
    for attempt in (lambda: add(other), lambda: other.stop(entry.id)):
        with pytest.raises(OptionError, match="another lab trains in"):
            attempt()


def test_a_training_outlives_a_lab_that_is_killed_and_is_taken_up(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path;"
        "from convwise.lab.training_queue import TrainingQueue;"
        f"queue = TrainingQueue(Path({str(tmp_path / 'runs')!r}), {PROGRAM!r}); queue.open();"
        "queue.add('a', lambda run: ('train', 'a', '--seconds', '60', '--out', str(run)));"
        "print('started', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline() == b"started\n"
        lab.kill()
    queue = TrainingQueue(tmp_path / "runs", PROGRAM)
    queue.open()
    (entry,) = queue.entries()
    assert entry.state == "running"
    assert entry.pid is not None
    assert alive(entry.pid)
    second = add(queue, "0")
    assert queue.entry(second.id).state == "waiting"
    queue.stop(started(entry).id)
    assert until(queue, entry.id, "ended").message == "stopped; its checkpoint is kept"
    assert until(queue, second.id, "ended").code == 0
    queue.close(10)


def test_a_process_that_has_the_number_of_a_training_is_let_alone(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        entry = Entry("0" * 16, ("train", "a"), runs / "a-1", "running", None, other.pid)
        (runs / FOLDER).mkdir(parents=True)
        (runs / FOLDER / FILE).write_text(json.dumps([entry.to_dict()]))
        queue = TrainingQueue(runs, PROGRAM)
        queue.open()
        assert queue.entry(entry.id).state == "ended"
        queue.stop(entry.id)
        queue.close(1)
        assert other.poll() is None
        os.kill(other.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "content",
    ["", "3", "[1]", '[{"id": "../../x"}]', json.dumps([{"id": "0" * 16, "arguments": []}])],
)
def test_a_damaged_queue_is_an_empty_one(content: str, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / FOLDER
    folder.mkdir(parents=True)
    (folder / FILE).write_text(content)
    queue = TrainingQueue(tmp_path / "runs", PROGRAM)
    queue.open()
    assert queue.entries() == ()
    queue.close(1)


@pytest.mark.parametrize(("which", "run"), [("../../../x", "a-1"), ("0" * 16, "../elsewhere")])
def test_an_entry_that_leads_out_of_the_folder_is_dropped(
    which: str, run: str, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    (runs / FOLDER).mkdir(parents=True)
    entry = Entry(which, ("train",), runs / run, "ended")
    (runs / FOLDER / FILE).write_text(json.dumps([entry.to_dict()]))
    queue = TrainingQueue(runs, PROGRAM)
    queue.open()
    assert queue.entries() == ()
    queue.close(1)


def test_nothing_is_written_before_something_is_asked(tmp_path: Path) -> None:
    queue = TrainingQueue(tmp_path / "runs", PROGRAM)
    queue.open()
    assert queue.entries() == ()
    with pytest.raises(UnknownIdError):
        queue.entry("0" * 16)
    queue.close(1)
    assert list(tmp_path.iterdir()) == []
