"""When a study has to end, and what its trials still take, learnt from those that were done."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from convwise.studies.trial import Trial

Clock = Callable[[], float]
Key = tuple[str, str]

# Of the trials that were done last: by how much they took longer than foreseen.
REMEMBERED = 9
# Before it is believed that a machine is slow.
SURE = 3
# Of the budget: later, what is done is worth more than a better scale for all.
EARLY = 1 / 3


class Deadline:
    """The end of a study's time.

    Args:
        seconds: of the whole study; None for no end.
        spent: of these, so far.
        clock: gives seconds; replaced in tests.
    """

    def __init__(
        self, seconds: float | None, spent: float = 0.0, clock: Clock = time.monotonic
    ) -> None:
        self._clock = clock
        self._seconds = math.inf if seconds is None else seconds
        self._end = clock() - spent + self._seconds
        self._foreseen: dict[Key, float] = {}
        self._known: dict[Key, float] = {}
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def left(self) -> float:
        """Seconds until the end; below 0 behind it."""
        return self._end - self._clock()

    @property
    def share_spent(self) -> float:
        """Share of the time that is over; 0 where there is no end."""
        return 0.0 if math.isinf(self._seconds) else 1.0 - self.left / self._seconds

    def foresee(self, expected: Mapping[Key, float]) -> None:
        """Take in how long trials are expected to take, and forget what was learnt before."""
        self._foreseen, self._known = dict(expected), dict(expected)
        self._ratios.clear()

    def seconds_of(self, trial: Trial) -> float:
        """Return how long a trial will take, by what trials took so far; 0 where none is known."""
        known = self._known.get(trial.key)
        if known is None:
            known = statistics.mean(self._known.values()) if self._known else 0.0
        return known * self._ratio

    def allows(self, trial: Trial) -> bool:
        """Return whether the trial would end in time."""
        return self.seconds_of(trial) <= self.left

    def learn(self, trial: Trial, seconds: float) -> None:
        """Take in how long a trial took."""
        if known := self._known.get(trial.key):
            self._ratios.append(seconds / known)
        # What is peculiar to the arm; the ratio has what is common to all of late.
        self._known[trial.key] = seconds / self._ratio

    def slowness(self, key: Key) -> float:
        """Return how many times as long as foreseen an arm's trials take."""
        foreseen = self._foreseen.get(key)
        return self._known[key] * self._ratio / foreseen if foreseen else 1.0

    def too_late_for(self, trials: Sequence[Trial], places: int) -> bool:
        """Return whether a smaller scale is due, for what is left would not end in time.

        That is so while it is early, if not all trials of the first two seeds would; later, only
        if some arm would have no trial at all.

        Args:
            trials: that are not done.
            places: how many of them run at once.
        """
        if math.isinf(self._seconds) or len(self._ratios) < SURE:
            return False
        seeds = 2 if self.share_spent <= EARLY else 1
        wanted = [trial for trial in trials if trial.seed < seeds]
        return sum(map(self.seconds_of, wanted)) / places > max(self.left, 0.0)

    @property
    def _ratio(self) -> float:
        return statistics.median(self._ratios) if self._ratios else 1.0
