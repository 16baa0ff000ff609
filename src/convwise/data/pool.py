"""Decoding many files at once, in order, into one array."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convwise.data.dataset import Progress
from convwise.data.decode import DecodeError, decode_image
from convwise.image import ImageFormat

_FILES_PER_TASK = 16
_TASKS_PER_THREAD = 4


def decode_files(
    paths: Sequence[Path], image_format: ImageFormat, on_progress: Progress | None = None
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Decode files with one thread per processor; Pillow works outside Python's lock.

    Memory stays at the result plus one full-size picture a thread: each task writes into its own
    rows of the result, and only a few tasks wait at any time.

    Args:
        paths: n files.
        image_format: what to decode to.
        on_progress: called from this thread as ``on_progress(done, n)``.

    Returns:
        (pixels, reasons): uint8 (n - failures, height, width, channels) in the order of
        ``paths``, and why the files at the other positions are missing.
    """
    pixels = np.empty((len(paths), *image_format.shape), np.uint8)
    reasons: dict[int, str] = {}

    def decode_some(places: range) -> dict[int, str]:
        failed: dict[int, str] = {}
        for place in places:
            try:
                pixels[place] = decode_image(paths[place], image_format)
            except DecodeError as error:
                failed[place] = error.reason
        return failed

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    waiting: deque[tuple[range, Future[dict[int, str]]]] = deque()
    executor = ThreadPoolExecutor(threads or 1, thread_name_prefix="decode")

    def collect() -> None:
        places, future = waiting.popleft()
        reasons.update(future.result())
        if on_progress:
            on_progress(places.stop, len(paths))

    try:
        for start in range(0, len(paths), _FILES_PER_TASK):
            places = range(start, min(start + _FILES_PER_TASK, len(paths)))
            waiting.append((places, executor.submit(decode_some, places)))
            if len(waiting) >= _TASKS_PER_THREAD * (threads or 1):
                collect()
        while waiting:
            collect()
    finally:
        executor.shutdown(cancel_futures=True)
    return _without(pixels, reasons), reasons


def _without(pixels: NDArray[np.uint8], failed: dict[int, str]) -> NDArray[np.uint8]:
    if not failed:
        return pixels
    good = [place for place in range(len(pixels)) if place not in failed]
    # In place: a second copy might not fit.
    for target, place in enumerate(good):
        pixels[target] = pixels[place]
    return pixels[: len(good)]
