from __future__ import annotations

import pytest

from convwise.training.schedule import Progress, one_cycle


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    rates = [one_cycle(done / 100, 0.2) for done in range(101)]
    assert rates[0] == 0.0
    assert max(rates) == rates[20] == 1.0
    assert rates[-1] == 0.0
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_without_warmup_the_rate_starts_at_its_peak() -> None:
    assert one_cycle(0.0, 0.0) == 1.0
    assert one_cycle(0.5, 0.0) == 0.5


def test_rates_never_leave_their_range() -> None:
    assert one_cycle(1.0, 0.99) == 0.0
    assert one_cycle(2.0, 0.2) == 0.0


def test_progress_by_epochs_ignores_the_clock() -> None:
    clock = Clock()
    progress = Progress(10, None, clock)
    clock.now += 1e6
    assert progress.share == 0.0
    progress.epochs_done = 5
    assert progress.share == 0.5
    progress.epochs_done = 12
    assert progress.share == 1.0


def test_progress_by_the_clock_ignores_epochs() -> None:
    clock = Clock()
    progress = Progress(None, 60.0, clock)
    progress.epochs_done = 10**6
    assert progress.share == 0.0
    clock.now += 15
    assert progress.share == 0.25
    assert progress.seconds == 15.0
    clock.now += 100
    assert progress.share == 1.0


def test_of_both_the_further_one_counts() -> None:
    clock = Clock()
    progress = Progress(10, 100.0, clock)
    progress.epochs_done, clock.now = 3, clock.now + 20
    assert progress.share == pytest.approx(0.3)
    clock.now += 50
    assert progress.share == pytest.approx(0.7)


def test_reserved_seconds_are_kept_free_at_the_end() -> None:
    clock = Clock()
    progress = Progress(None, 60.0, clock)
    progress.reserve(20.0)
    clock.now += 40
    assert progress.share == 1.0
    progress.reserve(10.0)
    assert progress.share == pytest.approx(0.8)


def test_a_reserve_above_the_limit_ends_training_at_once() -> None:
    clock = Clock()
    progress = Progress(None, 5.0, clock)
    progress.reserve(60.0)
    clock.now += 0.001
    assert progress.share == 1.0


def test_seconds_before_an_interruption_count() -> None:
    progress = Progress(None, 60.0, Clock())
    progress.restore({"step": 4, "epochs_done": 0.5, "seconds": 30.0, "reserve": 0.0})
    assert progress.seconds == 30.0
    assert progress.share == 0.5
