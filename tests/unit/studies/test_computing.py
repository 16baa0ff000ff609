from __future__ import annotations

import numpy as np
import pytest

from convwise.data.store import PixelStore
from convwise.errors import OptionError, TrainingError
from convwise.studies import computing
from convwise.studies.computing import Computing, chosen, remembered
from convwise.studies.material import Material
from convwise.studies.question import Arm, Setting
from convwise.studies.timing import Speed, Timing
from convwise.studies.workers import Job, Outcome, Workers

STORE = PixelStore(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), ("a", "b"))
MATERIAL = Material("two", "two", ("a", "b"), STORE, STORE, "0")
SETTING = Setting((4, 4, 1), ("a", "b"))
TIMINGS = [Timing("q", Arm(f"arm-{number}", "lenet"), SETTING, True) for number in range(9)]


class Timed(Workers):
    def __init__(self, places: int, seconds: float) -> None:
        self._places, self._seconds = places, seconds
        self._running: list[Job] = []
        self.closed = False
        self.done = 0

    def places(self) -> int:
        return self._places

    def submit(self, job: Job) -> None:
        self._running.append(job)

    def finished(self, patience: float) -> list[tuple[Job, Outcome]]:
        ended, self._running = self._running, []
        self.done += len(ended)
        return [(job, Outcome(Speed(0.0, 0.0, self._seconds, 0.0))) for job in ended]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def hired(monkeypatch: pytest.MonkeyPatch) -> dict[int, Timed]:
    """One that needs 1 ms for an image; two that need 1.5 ms each. By number of processes."""
    made = {1: Timed(1, 1e-3), 2: Timed(2, 1.5e-3)}
    monkeypatch.setattr(computing, "usable_cores", lambda: 2)
    monkeypatch.setattr(Computing, "workers", lambda self, material: made[self.processes or 0])
    return made


def choice(asked: Computing, seconds: float = 3_600.0) -> tuple[Computing, Workers, list[str]]:
    told: list[str] = []
    found, workers = chosen(
        asked,
        MATERIAL,
        TIMINGS,
        lambda speed: 1_000 * speed.image,
        lambda an_hour: seconds,
        told.append,
    )
    return found, workers, told


def test_several_processes_are_used_where_they_do_more_trainings(hired: dict[int, Timed]) -> None:
    found, workers, told = choice(Computing())
    assert (found.processes, found.threads) == (2, 1)
    assert found.raced == {"1 process of 2 threads": 3_600.0, "2 processes of 1 thread": 4_800.0}
    assert workers is hired[2]
    assert (hired[1].closed, hired[2].closed) == (True, False)
    assert "1.33 times" in told[-1]


def test_one_process_is_used_where_several_gain_little(
    hired: dict[int, Timed], monkeypatch: pytest.MonkeyPatch
) -> None:
    hired[2]._seconds = 1.95e-3
    found, workers, _ = choice(Computing())
    assert (found.processes, found.threads, workers) == (1, 2, hired[1])
    assert hired[2].closed


def test_one_process_is_used_where_several_do_not_work(
    hired: dict[int, Timed], monkeypatch: pytest.MonkeyPatch
) -> None:
    def died(patience: float) -> list[tuple[Job, Outcome]]:
        raise TrainingError("no memory")

    monkeypatch.setattr(hired[2], "finished", died)
    found, workers, told = choice(Computing())
    assert (found.processes, workers) == (1, hired[1])
    assert "no memory" in told[-1]


def test_a_short_study_is_not_worth_a_race(hired: dict[int, Timed]) -> None:
    found, workers, told = choice(Computing(), seconds=30.0)
    assert (found.processes, workers, told) == (1, hired[1], [])
    assert hired[2].done == 0


@pytest.mark.parametrize(
    ("asked", "processes", "threads"),
    [
        (Computing(processes=2), 2, 1),
        (Computing(processes=1), 1, 2),
        (Computing(threads=1), 1, 1),
        (Computing(processes=2, threads=2), 2, 2),
    ],
)
def test_what_is_asked_for_is_done_without_a_race(
    hired: dict[int, Timed], asked: Computing, processes: int, threads: int
) -> None:
    found, _, told = choice(asked)
    assert (found.processes, found.threads, told) == (processes, threads, [])


def test_a_study_that_goes_on_keeps_its_threads() -> None:
    begun = Computing("local", 2, 1, {"who": 1.0})
    assert remembered(Computing(), begun) == begun
    assert remembered(Computing(processes=4), begun) == Computing("local", 4, 1, {"who": 1.0})
    assert remembered(Computing("ray"), begun) == Computing("ray", None, 1, {"who": 1.0})
    with pytest.raises(OptionError, match="begun with --threads 1"):
        remembered(Computing(threads=2), begun)


def test_options_that_do_not_go_together_are_told() -> None:
    with pytest.raises(OptionError, match="--processes 3 is for this machine"):
        Computing.asked("ray", 3, None)
    with pytest.raises(OptionError, match="--threads 0: use a number"):
        Computing.asked("local", None, 0)
    with pytest.raises(OptionError, match="--backend slurm: use local or ray"):
        Computing.asked("slurm", None, None)  # type: ignore[arg-type]
