"""Ctrl-C as a wish to stop, not as an accident."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class StopOnInterrupt:
    """Within it, the first Ctrl-C sets :attr:`requested`; the second one raises as usual.

    Outside the main thread, where Python does not deliver signals, it does nothing.

    Args:
        on_request: called once, at the first Ctrl-C.
    """

    def __init__(self, on_request: Callable[[], None]) -> None:
        self.requested = False
        self._on_request = on_request
        self._before: signal.Handlers | Callable[[int, FrameType | None], object] | int | None = (
            None
        )

    def __enter__(self) -> StopOnInterrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self._on_request()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
