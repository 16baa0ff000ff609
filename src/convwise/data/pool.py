"""Decoding many files at once, in order, into one array."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from convwise.data.cores import usable_cores
from convwise.data.dataset import MAX_PIXELS, Progress, Reading
from convwise.data.decode import decode_picture, why_unreadable
from convwise.data.store import DIGEST_BYTES, pixel_digest
from convwise.data.traits import Traits
from convwise.errors import DecodeError
from convwise.image import ImageFormat

_FILES_PER_TASK = 16
_TASKS_PER_THREAD = 4


def decode_all(
    readers: Iterable[tuple[int, Callable[[], bytes]]],
    images: NDArray[np.uint8],
    image_format: ImageFormat,
    *,
    max_pixels: int = MAX_PIXELS,
    on_progress: Progress | None = None,
) -> Reading:
    """Decode files with one thread per processor; Pillow works outside Python's lock.

    Memory stays at the result plus one file and one full-size picture a thread: each task writes
    into its own rows of the result, and only a few tasks wait at any time.

    Args:
        readers: (position, what returns the file's bytes) for each of n files, in any order.
        images: uint8, (n, height, width, channels), filled at each file's position.
        image_format: what to decode to.
        max_pixels: files that state more are not decoded.
        on_progress: called from this thread as ``on_progress(done, n)``.
    """
    count = len(images)
    traits = Traits.empty(count)
    digests = np.zeros((count, DIGEST_BYTES), np.uint8)
    reasons: dict[int, str] = {}
    passing = threading.Event()

    def decode_some(work: tuple[tuple[int, Callable[[], bytes]], ...]) -> dict[int, str]:
        failed: dict[int, str] = {}
        for place, read in work:
            try:
                picture = decode_picture(read(), image_format, max_pixels)
            except (DecodeError, OSError) as error:
                images[place] = 0
                failed[place] = why_unreadable(error)
                if isinstance(error, OSError):
                    passing.set()
                continue
            images[place] = picture.pixels
            digests[place] = np.frombuffer(pixel_digest(picture.pixels), np.uint8)
            traits.widths[place], traits.heights[place] = picture.width, picture.height
            traits.kinds[place] = picture.kinds
        return failed

    threads = usable_cores()
    waiting: deque[tuple[int, Future[dict[int, str]]]] = deque()
    executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    done = 0

    def collect() -> None:
        nonlocal done
        size, future = waiting.popleft()
        reasons.update(future.result())
        done += size
        if on_progress:
            on_progress(done, count)

    try:
        remaining = iter(readers)
        while work := tuple(itertools.islice(remaining, _FILES_PER_TASK)):
            waiting.append((len(work), executor.submit(decode_some, work)))
            if len(waiting) >= _TASKS_PER_THREAD * threads:
                collect()
        while waiting:
            collect()
    finally:
        executor.shutdown(cancel_futures=True)
    rows = np.arange(count, dtype=np.int64)
    return Reading(images, rows, traits, digests, reasons, passing.is_set())
