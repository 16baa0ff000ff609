"""Dynamic batching: pictures that wait at the same time are answered at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
OnBatch = Callable[[int, float], None]


class Batcher:
    """Asks one model about many pictures at once.

    A batch is asked as soon as the model is free and either it is full, or no further picture for
    it is on its way, or its first picture has waited for ``wait_seconds``. So a single request
    never waits for company that does not come.

    Args:
        answer: uint8 (n, height, width, channels) to float32 (n, classes).
        most: pictures in a batch.
        wait_seconds: the deadline.
        executor: where the model computes; one thread, so that models take turns.
        on_batch: told the size of each batch and how many seconds it took.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        most: int,
        wait_seconds: float,
        executor: Executor,
        on_batch: OnBatch = lambda size, seconds: None,
    ) -> None:
        self._answer, self._most, self._wait = answer, most, wait_seconds
        self._executor, self._on_batch = executor, on_batch
        self._waiting: list[tuple[NDArray[np.uint8], asyncio.Future[NDArray[np.float32]]]] = []
        self._first_came = 0.0
        self._coming = 0
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._batches: set[asyncio.Task[None]] = set()

    def expect(self) -> None:
        """Say that a picture is on its way; :meth:`ask` or :meth:`forget` must follow."""
        self._coming += 1

    def forget(self) -> None:
        """Say that a picture that was on its way does not come."""
        self._coming -= 1
        self._go_if_time()

    async def ask(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the float32 (classes,) probabilities of a picture that was expected."""
        answered: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._first_came = time.monotonic()
        self._waiting.append((pixels, answered))
        self._coming -= 1
        self._go_if_time()
        return await answered

    def _go_if_time(self) -> None:
        if self._busy or not self._waiting:
            return
        left = self._first_came + self._wait - time.monotonic()
        if len(self._waiting) >= self._most or not self._coming or left <= 0:
            self._go()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        self._go_if_time()

    def _go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        self._first_came = time.monotonic()
        # Whoever has given up is not answered.
        batch = [each for each in batch if not each[1].done()]
        if batch:
            self._busy = True
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    async def _run(
        self, batch: list[tuple[NDArray[np.uint8], asyncio.Future[NDArray[np.float32]]]]
    ) -> None:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        try:
            rows = await loop.run_in_executor(
                self._executor, lambda: self._answer(np.stack([pixels for pixels, _ in batch]))
            )
        except Exception as error:  # whatever a runtime raises is told to whoever asked
            for _, answered in batch:
                if not answered.done():
                    answered.set_exception(error)
        else:
            for (_, answered), row in zip(batch, rows, strict=True):
                if not answered.done():
                    answered.set_result(row)
        finally:
            self._busy = False
        self._on_batch(len(batch), time.perf_counter() - began)
        self._go_if_time()
