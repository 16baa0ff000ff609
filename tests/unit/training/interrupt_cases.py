from __future__ import annotations

import signal
import threading
import time

import pytest

from convwise.training import interrupt
from convwise.training.interrupt import Overdue, StopOnSignal


def test_the_first_interrupt_is_a_wish_and_the_second_one_ends() -> None:
    asked: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with StopOnSignal(lambda: asked.append("once")) as stop:
        assert not stop.requested
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        assert asked == ["once"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert asked == ["once"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_echo_of_a_signal_is_no_second_one() -> None:
    with StopOnSignal(lambda: None, echo=60.0) as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert stop.received == signal.SIGINT


def test_a_second_sigterm_ends_at_once() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGALRM)
    with StopOnSignal(lambda: None, (signal.SIGINT, signal.SIGTERM)) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.received == signal.SIGTERM
        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(signal.SIGTERM)
        assert caught.value.code == 143
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_after_sigterm_there_is_only_so_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "SECONDS_AFTER_TERMINATION", 0.01)
    with StopOnSignal(lambda: None, (signal.SIGTERM,)):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Overdue) as caught:
            time.sleep(30)
    assert caught.value.code == 143


def test_the_handler_is_given_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="inside"), StopOnSignal(lambda: None):
        raise ValueError("inside")
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_it_does_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with StopOnSignal(lambda: None) as stop:
            seen.extend([stop.requested, signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, before]
