"""The pool of decoders: files in, pixels out, and a decoder that dies takes nobody with it."""

from __future__ import annotations

import asyncio
import functools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.errors import RunError
from convwise.image import ImageFormat
from convwise.serve.decoder_process import DecoderEnded, DecoderProcess
from convwise.serve.limits import Limits

Decoded = NDArray[np.uint8] | str
"""Pixels, or the reason why there are none."""

# While a decoder works on one bundle, the next one lies in its pipe.
LANES = 2
MOST_IN_BUNDLE = 16
MOST_BYTES_IN_BUNDLE = 256 << 10
TRIES = 2
PAUSE_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Job:
    content: bytes
    image_format: ImageFormat
    decoded: asyncio.Future[Decoded]
    failures: int = 0

    @property
    def suspect(self) -> bool:
        """Whether it was in a bundle that ended a decoder, so that it goes alone."""
        return self.failures > 0


@dataclass(eq=False)
class _Lane:
    place: _Place
    wake: asyncio.Future[None] | None = None


class _Place:
    """Where one decoder runs; another one takes its place when it ends."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._starting = asyncio.Lock()
        self.process: DecoderProcess | None = None
        self.busy = 0

    async def running(self) -> DecoderProcess:
        async with self._starting:
            if self.process is None or self.process.ended:
                self.process = await DecoderProcess.start(self._limits)
            return self.process


class DecoderPool:
    """Decodes in processes.

    Small pictures that wait at the same time go to a decoder together. Where one ends, or takes too
    long, what it was working on is tried again, each picture alone; one that ends two decoders
    fails. So no picture is lost through another.

    Args:
        count: how many decoders.
        limits: of pixels, time and memory.
        on_restart: called when a decoder ended, with the reason.
    """

    def __init__(
        self, count: int, limits: Limits, on_restart: Callable[[str], None] = lambda reason: None
    ) -> None:
        self._limits, self._on_restart = limits, on_restart
        self._count = count
        self._waiting: deque[_Job] = deque()
        self._idle: list[_Lane] = []
        self._places: list[_Place] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start every decoder, and wait until all are ready.

        Raises:
            RunError: one does not start.
        """
        self._places = [_Place(self._limits) for _ in range(self._count)]
        await asyncio.gather(*(place.running() for place in self._places))
        lanes = [_Lane(place) for _ in range(LANES) for place in self._places]
        self._tasks = [asyncio.create_task(self._work(lane)) for lane in lanes]

    async def close(self) -> None:
        """End every decoder; what still waits is cancelled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for place in self._places:
            if place.process is not None:
                await place.process.kill()
        for job in self._waiting:
            job.decoded.cancel()

    @property
    def pids(self) -> list[int]:
        """Of the decoders that run."""
        processes = [place.process for place in self._places]
        return [each.pid for each in processes if each is not None and not each.ended]

    async def decode(self, content: bytes, image_format: ImageFormat) -> Decoded:
        """Return uint8 (height, width, channels), or the reason why there are none, in words."""
        job = _Job(content, image_format, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._wake_one()
        return await job.decoded

    def _wake_one(self) -> None:
        if self._idle:
            lane = min(self._idle, key=lambda lane: lane.place.busy)
            self._idle.remove(lane)
            assert lane.wake is not None
            if not lane.wake.done():
                lane.wake.set_result(None)

    async def _work(self, lane: _Lane) -> None:
        while True:
            bundle = self._bundle()
            if not bundle:
                lane.wake = asyncio.get_running_loop().create_future()
                self._idle.append(lane)
                await lane.wake
                continue
            lane.place.busy += 1
            try:
                _deliver(bundle, await self._decoded(lane.place, bundle))
            except DecoderEnded as end:
                self._again(bundle, end)
            except RunError as error:
                self._on_restart(str(error))
                self._put_back(bundle)
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                lane.place.busy -= 1

    async def _decoded(self, place: _Place, bundle: list[_Job]) -> list[Decoded]:
        process = await place.running()
        image_format = bundle[0].image_format
        seconds = self._limits.decode_seconds * len(bundle)
        reasons, pixels = await process.ask(
            {"format": _told(image_format), "max_pixels": self._limits.pixels},
            [job.content for job in bundle],
            size=math.prod(image_format.shape),
            seconds=seconds,
        )
        arrays = iter(np.frombuffer(pixels, np.uint8).reshape(-1, *image_format.shape))
        return [reason if reason is not None else next(arrays) for reason in reasons]

    def _bundle(self) -> list[_Job]:
        """Take what one decoder is to do next: its share of what waits, in order."""
        share = min(math.ceil(len(self._waiting) / self._count), MOST_IN_BUNDLE)
        bundle: list[_Job] = []
        size = 0
        while self._waiting and (not bundle or len(bundle) < share):
            job = self._waiting[0]
            if job.decoded.done():  # whoever asked has given up
                self._waiting.popleft()
                continue
            size += len(job.content)
            other = bundle and (job.suspect or job.image_format != bundle[0].image_format)
            if bundle and (other or size > MOST_BYTES_IN_BUNDLE):
                break
            bundle.append(self._waiting.popleft())
            if job.suspect:
                break
        return bundle

    def _again(self, bundle: list[_Job], end: DecoderEnded) -> None:
        if end.other:
            self._put_back(bundle)
            return
        self._on_restart(end.reason)
        for job in bundle:
            # A picture that was alone and too slow is surely the one.
            job.failures += TRIES if end.slow and len(bundle) == 1 else 1
            if job.failures >= TRIES and len(bundle) == 1 and not job.decoded.done():
                job.decoded.set_result(end.reason)
        self._put_back([job for job in bundle if not job.decoded.done()])

    def _put_back(self, bundle: list[_Job]) -> None:
        self._waiting.extendleft(reversed(bundle))
        for _ in bundle:
            self._wake_one()


def _deliver(bundle: list[_Job], decoded: list[Decoded]) -> None:
    for job, each in zip(bundle, decoded, strict=True):
        if not job.decoded.done():
            job.decoded.set_result(each)


@functools.lru_cache(maxsize=64)
def _told(image_format: ImageFormat) -> dict[str, Any]:
    return image_format.to_dict()
