"""Whether other programs slow a training down more than they need to.

Threads that compute one layer together wait for the last of them. Where another program takes a
core now and then, all of them wait for the thread that was to use it: on two cores, one busy
program took a training with two threads from 4,600 to 1,400 images a second, and one with a single
thread from 2,770 to 2,700.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch

from convwise.data.cores import usable_cores
from convwise.training.callbacks import CallbackWatcher
from convwise.training.progress import Watcher

# After so long it is told, once.
SECONDS = 3.0
# Less than this is what any desktop does.
BUSY_CORES = 0.5


def busy_seconds() -> float | None:
    """Return what all programs have computed since the system began, of urgent and usual ones.

    Returns:
        Seconds of one core; None where the system does not tell, or this process has not all cores.
    """
    if usable_cores() != os.cpu_count():
        return None
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
        user, _, system = (int(each) for each in line.split()[1:4])
        return (user + system) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None


class OtherWorkWatcher(CallbackWatcher):
    """Passes all news on, and adds a line where fewer threads would train faster.

    Args:
        watcher: who gets the news.
        busy: tells what all programs have computed, see :func:`busy_seconds`.
        own: tells what this process has computed, in seconds.
        clock: tells the time, in seconds.
    """

    def __init__(
        self,
        watcher: Watcher,
        busy: Callable[[], float | None] = busy_seconds,
        own: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(watcher, ())
        self._busy, self._own, self._clock = busy, own, clock
        self._began: tuple[float, float, float] | None = None

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        """Begin to count."""
        super().started(epochs, steps_per_epoch, time_limit)
        busy = self._busy() if torch.get_num_threads() > 1 else None
        self._began = None if busy is None else (self._clock(), busy, self._own())

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        """Look once, after a while."""
        super().step(epoch, step, share, loss, images_per_second)
        if self._began is None:
            return
        at, busy, own = self._began
        spent = self._clock() - at
        if spent < SECONDS:
            return
        self._began = None
        now = self._busy()
        if now is not None and (told := advice(((now - busy) - (self._own() - own)) / spent)):
            self.message(told)


def advice(others: float) -> str | None:
    """Return what to do while other programs keep so many cores busy; None if that is little.

    Example:
        >>> advice(0.1) is None
        True
    """
    threads = torch.get_num_threads()
    better = max(1, round(usable_cores() - others))
    if others < BUSY_CORES or better >= threads:
        return None
    return (
        f"other programs keep about {others:.1f} of {usable_cores()} cores busy, and {threads}"
        f" threads wait for each other: --threads {better} should be faster"
    )
