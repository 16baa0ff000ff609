from __future__ import annotations

import signal
import threading

import pytest

from convwise.training.interrupt import StopOnInterrupt


def test_the_first_interrupt_is_a_wish_and_the_second_one_ends() -> None:
    asked: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with StopOnInterrupt(lambda: asked.append("once")) as stop:
        assert not stop.requested
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        assert asked == ["once"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert asked == ["once"]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_handler_is_given_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="inside"), StopOnInterrupt(lambda: None):
        raise ValueError("inside")
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_it_does_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with StopOnInterrupt(lambda: None) as stop:
            seen.extend([stop.requested, signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, before]
