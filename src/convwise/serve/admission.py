"""How much is accepted at one time: images and bytes, counted while they come."""

from __future__ import annotations

import math
import time
from collections import deque
from types import TracebackType
from typing import Self

from convwise.serve.limits import Limits
from convwise.serve.refusals import Busy, TooLarge

LONGEST_WAIT = 30
_RECENT = 256


class Admission:
    """Counts what is accepted and not yet answered.

    Args:
        limits: images and bytes at one time.

    Example:
        >>> admission = Admission(Limits(queue=2))
        >>> with admission.enter() as held:
        ...     held.images(2)
        ...     admission.images
        2
        >>> admission.images
        0
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.images = 0
        self.bytes = 0
        self._answered: deque[float] = deque(maxlen=_RECENT)

    def enter(self) -> Held:
        """Begin a request.

        Raises:
            Busy: the queue is full already.
        """
        if self.images >= self._limits.queue:
            raise self.busy()
        return Held(self, self._limits)

    def busy(self) -> Busy:
        """Return the refusal of what goes beyond the queue."""
        return Busy(
            f"{self.images} images wait already; try again later", self.seconds_until_free()
        )

    def seconds_until_free(self) -> int:
        """Return how long what waits will take, by the speed of late: 1 to LONGEST_WAIT seconds."""
        if len(self._answered) < 2:
            return 1
        speed = len(self._answered) / max(time.monotonic() - self._answered[0], 1e-3)
        return min(max(math.ceil(self.images / speed), 1), LONGEST_WAIT)

    def answered(self, images: int) -> None:
        """Note that images were answered just now."""
        self._answered.extend([time.monotonic()] * images)


class Held:
    """What one request holds until it is answered."""

    def __init__(self, admission: Admission, limits: Limits) -> None:
        self._admission, self._limits = admission, limits
        self._images = 0
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._admission.images -= self._images
        self._admission.bytes -= self._bytes

    def more_bytes(self, count: int) -> None:
        """Count bytes of the body that have come.

        Raises:
            TooLarge: the body is above its limit.
            Busy: all bodies together are above theirs.
        """
        self._bytes += count
        self._admission.bytes += count
        if self._bytes > self._limits.body_bytes:
            raise TooLarge(
                f"the body is larger than {self._limits.body_bytes:,} bytes; send fewer or smaller"
                " images"
            )
        if self._admission.bytes > self._limits.held_bytes:
            raise self._admission.busy()

    def images(self, count: int) -> None:
        """Count the images of the request.

        Raises:
            Busy: they do not fit into the queue now.
        """
        if self._admission.images + count > self._limits.queue:
            raise self._admission.busy()
        self._images += count
        self._admission.images += count
