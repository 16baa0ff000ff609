"""When a batch is asked, and what is in it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from convwise.serve.batching import Batcher
from event_loop import run_in_loop


class Model:
    """Answers with the first level of each picture; holds on while ``free`` is not set."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.free.wait(10)
        self.sizes.append(len(pixels))
        return pixels[:, 0, 0].astype(np.float32)


def picture(level: int) -> NDArray[np.uint8]:
    return np.full((2, 2, 1), level, np.uint8)


def batching(
    work: Callable[[Batcher], Awaitable[None]], model: Model, most: int = 4, wait: float = 0.0
) -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(model, most=most, wait_seconds=wait, executor=executor)
            async with asyncio.timeout(10):
                await work(batcher)

    run_in_loop(run())


async def ask(batcher: Batcher, *levels: int) -> list[float]:
    for _ in levels:
        batcher.expect()
    rows = await asyncio.gather(*(batcher.ask(picture(level)) for level in levels))
    return [float(row[0]) for row in rows]


def test_what_waits_while_the_model_is_busy_goes_together_and_in_order() -> None:
    model = Model()
    model.free.clear()

    async def work(batcher: Batcher) -> None:
        first = asyncio.create_task(ask(batcher, 1))
        await asyncio.sleep(0.01)
        others = asyncio.create_task(ask(batcher, *range(2, 11)))
        await asyncio.sleep(0.01)
        model.free.set()
        assert await first == [1]
        assert await others == list(range(2, 11))

    batching(work, model)
    assert model.sizes == [1, 4, 4, 1]


def test_a_picture_waits_for_none_where_none_is_on_its_way() -> None:
    async def work(batcher: Batcher) -> None:
        began = time.monotonic()
        await ask(batcher, 1)
        assert time.monotonic() - began < 5

    batching(work, Model(), wait=60)


def test_a_picture_waits_for_one_that_is_on_its_way_until_the_deadline() -> None:
    model = Model()

    async def work(batcher: Batcher) -> None:
        batcher.expect()  # of which nothing comes
        began = time.monotonic()
        await ask(batcher, 1)
        assert time.monotonic() - began >= 0.05

    batching(work, model, wait=0.05)
    assert model.sizes == [1]


def test_a_picture_that_does_not_come_holds_up_nobody() -> None:
    model = Model()

    async def work(batcher: Batcher) -> None:
        batcher.expect()
        waiting = asyncio.create_task(ask(batcher, 1, 2))
        await asyncio.sleep(0.01)
        assert model.sizes == []
        batcher.forget()
        assert await waiting == [1, 2]

    batching(work, model, wait=60)
    assert model.sizes == [2]


def test_whoever_gave_up_is_left_out() -> None:
    model = Model()
    model.free.clear()

    async def work(batcher: Batcher) -> None:
        first = asyncio.create_task(ask(batcher, 1))
        await asyncio.sleep(0.01)
        given_up, kept = (asyncio.create_task(ask(batcher, level)) for level in (2, 3))
        await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.sleep(0)
        model.free.set()
        assert await first == [1]
        assert await kept == [3]

    batching(work, model)
    assert model.sizes == [1, 1]


def test_a_failure_is_told_to_all_of_its_batch_and_to_no_other() -> None:
    calls = []

    def answer(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        calls.append(len(pixels))
        if len(calls) == 1:
            raise MemoryError("too large")
        return pixels[:, 0, 0].astype(np.float32)

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(answer, most=4, wait_seconds=0, executor=executor)
            with pytest.raises(MemoryError):
                await ask(batcher, 1)
            assert await ask(batcher, 2) == [2]

    run_in_loop(run())
