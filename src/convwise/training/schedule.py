"""The learning rate over a run: up in a straight line, then down to zero in another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def one_cycle(progress: float, warmup: float) -> float:
    """Return the learning rate as a share of its peak.

    The rise lets batch statistics and momentum settle before large steps; the fall to zero is
    what turns a noisy iterate into a good one (Smith 2018, arXiv 1803.09820, section 4.1, with
    straight lines).

    Args:
        progress: share of the training done, 0…1.
        warmup: share of the training in which the rate rises.

    Example:
        >>> [one_cycle(done, 0.2) for done in (0.1, 0.2, 0.6, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    return round(max(0.0, (1.0 - progress) / (1.0 - warmup)), 12)


@dataclass
class Progress:
    """How much of a training is done: by epochs, by the clock, or by whichever is further.

    Args:
        epochs: in all, or None where only the clock counts.
        time_limit: seconds in all, or None where only epochs count.
        clock: gives seconds; replaced in tests.
        step: steps taken.
        epochs_done: with the share of the present one.
    """

    epochs: int | None
    time_limit: float | None
    clock: Callable[[], float] = time.perf_counter
    step: int = 0
    epochs_done: float = 0.0

    def __post_init__(self) -> None:
        self._start = self.clock()
        self._before = 0.0
        self._reserve = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, as plain JSON values."""
        return {
            "step": self.step,
            "epochs_done": self.epochs_done,
            "seconds": self.seconds,
            "reserve": self._reserve,
        }

    def restore(self, values: dict[str, Any]) -> None:
        """Go on from a checkpoint; what was spent until then counts, what was lost since does not.

        Raises:
            KeyError: a value is missing.
        """
        self.step, self.epochs_done = values["step"], values["epochs_done"]
        self._before, self._reserve = values["seconds"], values["reserve"]
        self._start = self.clock()

    @property
    def seconds(self) -> float:
        """Seconds since training started."""
        return self._before + self.clock() - self._start

    def reserve(self, seconds: float) -> None:
        """Keep so many seconds of the limit free for what follows the last step."""
        self._reserve = seconds

    @property
    def share(self) -> float:
        """Share of the training that is done, 0…1."""
        by_epochs = self.epochs_done / self.epochs if self.epochs else 0.0
        by_time = 0.0
        if self.time_limit:
            available = max(self.time_limit - self._reserve, 1e-9)
            by_time = self.seconds / available
        return min(1.0, max(by_epochs, by_time))
