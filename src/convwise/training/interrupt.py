"""Ctrl-C and SIGTERM as wishes to stop, not as accidents."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import NoReturn

from convwise.training.progress import Watcher

# SIGTERM's sender kills after a while; so much is left for what follows the checkpoint.
SECONDS_AFTER_TERMINATION = 3.5
# Windows has none; nor does anybody terminate so politely there.
_ALARM: int | None = getattr(signal, "SIGALRM", None)


class Overdue(SystemExit):
    """There was no time to do more than to keep the checkpoint."""


class StopOnSignal:
    """Within it, the first signal sets :attr:`requested`; the second one ends at once.

    A second SIGINT raises KeyboardInterrupt, a second SIGTERM SystemExit; and some seconds after
    the first SIGTERM :class:`Overdue` is raised. Outside the main thread, where Python does not
    deliver signals, nothing is done.

    Args:
        on_request: called once, at the first signal.
        signals: which ones; SIGTERM only where the caller exits afterwards.
        echo: a further signal within so many seconds is the same one again, as torchrun passes on
            what the terminal has already sent.

    Attributes:
        received: number of the first signal, or None.
    """

    def __init__(
        self,
        on_request: Callable[[], None],
        signals: Sequence[int] = (signal.SIGINT,),
        echo: float = 0.0,
    ) -> None:
        self.received: int | None = None
        self._echo, self._ends = echo, 0.0
        self._on_request = on_request
        self._signals = signals
        self._before: dict[int, signal.Handlers | Callable[..., object] | int | None] = {}

    @classmethod
    def told_to(
        cls, watcher: Watcher, signals: Sequence[int] = (signal.SIGINT,), echo: float = 0.0
    ) -> StopOnSignal:
        """Return one whose first signal a watcher is told of."""
        return cls(
            lambda: watcher.message("stopping after this step; Ctrl-C again to stop at once"),
            signals,
            echo,
        )

    @property
    def requested(self) -> bool:
        """Whether somebody has asked to stop."""
        return self.received is not None

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            if time.monotonic() < self._ends:
                return
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            raise SystemExit(128 + number)
        self.received, self._ends = number, time.monotonic() + self._echo
        if number == signal.SIGTERM and _ALARM is not None:
            self._before[_ALARM] = signal.signal(_ALARM, _overdue)
            signal.setitimer(signal.ITIMER_REAL, SECONDS_AFTER_TERMINATION)
        self._on_request()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if _ALARM in self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _overdue(number: int, frame: FrameType | None) -> NoReturn:
    raise Overdue(128 + signal.SIGTERM)
