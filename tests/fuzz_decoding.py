"""Decode damaged image files by the hundred thousand: no death, no foreign exception, no growth.

    python tests/fuzz_decoding.py --mutations 200000

Each mutation is a function of the seed and its number, so that whatever is found can be repeated
with ``--only NUMBER``. Mutations are decoded in worker processes. A worker says which one it is
about to decode: if it dies or hangs, that one is to blame, and a new worker goes on after it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from convwise.data.decode import decode_picture, read_header, whole_digest
from convwise.errors import DecodeError
from convwise.image import ImageFormat

FORMATS = (ImageFormat(24, 32, 3), ImageFormat(16, 16, 1, resize="crop"))
LONGEST_SECONDS = 60.0
WORKERS = 2
START_METHOD = "spawn"
TOLD_EVERY = 5_000

Bytes = bytearray
Numbers = np.random.Generator


@cache
def corpus() -> tuple[tuple[str, bytes], ...]:
    """Return (format, content) of sound files: the modes, packings and extras of six formats."""
    numbers = np.random.default_rng(1)
    smooth = np.indices((24, 32)).sum(axis=0)[..., None] * np.array([3, 5, 7]) % 256
    noisy = (smooth + numbers.integers(0, 24, smooth.shape)).astype(np.uint8)
    colour = Image.fromarray(noisy)
    grey, palette = colour.convert("L"), colour.quantize(32)
    clear = colour.copy()
    clear.putalpha(grey)
    deep = Image.fromarray((np.asarray(grey, np.uint16) * 257).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    film = {"save_all": True, "append_images": [colour.rotate(9), colour.rotate(60)]}
    small_film = {"save_all": True, "append_images": [palette.rotate(90)]}
    kinds: dict[str, list[tuple[Image.Image, dict[str, Any]]]] = {
        "PNG": [
            *((image, {}) for image in (colour, grey, clear, deep, grey.convert("1"))),
            (palette, {"transparency": 3}),
            (colour, {"exif": exif, "dpi": (72, 72)}),
            (clear, {**film, "default_image": False}),
        ],
        "JPEG": [
            (colour, {}),
            (grey, {}),
            (colour, {"progressive": True, "exif": exif}),
            (colour.convert("CMYK"), {}),
            (colour.resize((256, 192)), {"optimize": True, "restart_marker_rows": 2}),
        ],
        "WEBP": [
            (colour, {}),
            (clear, {"lossless": True, "exif": exif}),
            (colour, film),
        ],
        "BMP": [(image, {}) for image in (colour, grey, palette, clear, grey.convert("1"))],
        "GIF": [(palette, {"transparency": 3}), (grey, {}), (palette, small_film)],
        "TIFF": [
            *((image, {}) for image in (colour, grey, deep, clear)),
            *((colour, {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate")),
            *((colour, {"compression": name}) for name in ("jpeg", "packbits")),
            (grey.convert("1"), {"compression": "group4"}),
            (colour, film),
            (colour, {"exif": exif}),
        ],
    }
    return tuple(
        (kind, _saved(image, kind, options))
        for kind, pictures in kinds.items()
        for image, options in pictures
    )


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# Ways to damage a file.


def _flip_bits(content: Bytes, numbers: Numbers) -> Bytes:
    for place in _places(content, numbers, 16):
        content[place] ^= 1 << int(numbers.integers(8))
    return content


def _overwrite(content: Bytes, numbers: Numbers) -> Bytes:
    for place in _places(content, numbers, 8):
        content[place] = int(numbers.integers(256))
    return content


def _set_extreme(content: Bytes, numbers: Numbers) -> Bytes:
    """Put numbers where sizes, counts and offsets stand: the largest, the smallest, the next."""
    for place in _places(content, numbers, 3):
        value = int(numbers.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
        order = "<>"[int(numbers.integers(2))]
        width = "BHI"[int(numbers.integers(3))]
        packed = struct.pack(order + width, value & (256 ** struct.calcsize(width) - 1))
        content[place : place + len(packed)] = packed
    return content


def _cut(content: Bytes, numbers: Numbers) -> Bytes:
    return content[: int(numbers.integers(len(content)))]


def _remove(content: Bytes, numbers: Numbers) -> Bytes:
    start, end = sorted(numbers.integers(0, len(content), 2).tolist())
    return content[:start] + content[end:]


def _repeat(content: Bytes, numbers: Numbers) -> Bytes:
    start, end = sorted(numbers.integers(0, len(content), 2).tolist())
    return content[:end] + content[start:end] * int(numbers.integers(1, 4)) + content[end:]


def _insert(content: Bytes, numbers: Numbers) -> Bytes:
    place = int(numbers.integers(len(content)))
    return content[:place] + numbers.bytes(int(numbers.integers(1, 64))) + content[place:]


def _splice(content: Bytes, numbers: Numbers) -> Bytes:
    _, other = corpus()[int(numbers.integers(len(corpus())))]
    half = int(numbers.integers(len(content)))
    return content[:half] + Bytes(other)[int(numbers.integers(len(other))) :]


WAYS: tuple[Callable[[Bytes, Numbers], Bytes], ...] = (
    *(_flip_bits, _overwrite, _set_extreme, _set_extreme),
    *(_cut, _remove, _repeat, _insert, _splice),
)


def _places(content: Bytes, numbers: Numbers, most: int) -> list[int]:
    # Half of them early, where headers are: damage to pixels is soon found.
    reach = len(content) if numbers.random() < 0.5 else min(len(content), 128)
    places: list[int] = numbers.integers(0, reach, int(numbers.integers(1, most + 1))).tolist()
    return places


def _with_right_checksums(content: Bytes) -> Bytes:
    """Mend the checksums of a PNG's chunks: otherwise nothing behind them is ever reached."""
    place = 8
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        end = place + 8 + size
        if end + 4 > len(content):
            break
        struct.pack_into(">I", content, end, zlib.crc32(content[place + 4 : end]))
        place = end + 4
    return content


def mutated(seed: int, number: int) -> tuple[str, bytes]:
    """Return the format and content of one damaged file."""
    numbers = np.random.default_rng([seed, number])
    kind, sound = corpus()[number % len(corpus())]
    content = Bytes(sound)
    for _ in range(int(numbers.integers(1, 4))):
        if content:
            content = WAYS[int(numbers.integers(len(WAYS)))](content, numbers)
    if kind == "PNG" and numbers.random() < 0.7:
        content = _with_right_checksums(content)
    return kind, bytes(content)


def outcome(content: bytes) -> str:
    """Read a file in every way there is; return ``decoded`` or ``refused``.

    Any exception but :class:`DecodeError` goes through, and so does a reading that was promised
    and is not given.
    """
    results = []
    for read in (
        lambda: decode_picture(content, FORMATS[0]).pixels.shape == FORMATS[0].shape,
        lambda: decode_picture(content, FORMATS[1]).pixels.shape == FORMATS[1].shape,
        lambda: read_header(content).width > 0,
    ):
        try:
            if not read():
                raise AssertionError("what was read is not what was asked for")
            results.append("decoded")
        except DecodeError as error:
            if not error.reason or "\n" in error.reason:
                raise AssertionError(f"the reason is {error.reason!r}") from error
            results.append("refused")
    if results[0] == "decoded":
        whole_digest(content)
    return results[0]


# Workers.


def _peak_kib() -> int:
    """Return the most memory that this process has had."""
    # Where there is no such file: a process inherits this number from the one that started it.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _work(seed: int, first: int, last: int, step: int, pipe: Connection) -> None:
    # libtiff writes to the process's own standard error, a line or more for each damaged file.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number in range(first, last, step):
        pipe.send((number, None, 0))
        kind, content = mutated(seed, number)
        try:
            said = f"{kind} {outcome(content)}"
        except DecodeError:
            said = f"{kind} decoded, but too large for a digest"
        except BaseException as error:  # anything else is what is searched for
            said = f"FOUND {kind} {type(error).__name__}: {error}"
        pipe.send((number, said, _peak_kib()))


def fuzz(
    seed: int, mutations: int, told: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Decode so many mutations in worker processes; return what came of them.

    Returns:
        ``outcomes``: how many files of each format were decoded or refused; ``found``: number and
        description of each foreign exception, death or hang; ``peak_memory_mb``: of any worker.
    """
    outcomes: Counter[str] = Counter()
    found: list[dict[str, Any]] = []
    peak, done = 0, 0
    context = multiprocessing.get_context(START_METHOD)
    workers = [_Worker(context, seed, start, mutations, WORKERS) for start in range(WORKERS)]
    while any(worker.process for worker in workers):
        for worker in workers:
            for number, said, memory in worker.news():
                peak, done = max(peak, memory), done + 1
                told(done)
                if said.startswith("FOUND"):
                    found.append({"number": number, "what": said})
                else:
                    outcomes[said] += 1
    return {
        "seed": seed,
        "mutations": sum(outcomes.values()) + len(found),
        "outcomes": dict(sorted(outcomes.items())),
        "found": found,
        "peak_memory_mb": round(peak / 1024, 1),
    }


class _Worker:
    """A process that decodes every so-manieth mutation, and is replaced when it ends early."""

    def __init__(self, context: Any, seed: int, start: int, end: int, step: int) -> None:
        self._context = context
        self._seed, self._end, self._step = seed, end, step
        self._start(start)

    def _start(self, first: int) -> None:
        self.process: Any = None
        if first >= self._end:
            return
        self._pipe, theirs = self._context.Pipe(duplex=False)
        arguments = (self._seed, first, self._end, self._step, theirs)
        self.process = self._context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self._current, self._since = first, time.monotonic()

    def news(self) -> Iterator[tuple[int, str, int]]:
        """Yield what has ended since the last call, deaths and hangs included."""
        if self.process is None:
            return
        try:
            while self._pipe.poll(0.01):
                number, said, memory = self._pipe.recv()
                self._current, self._since = number, time.monotonic()
                if said is not None:
                    yield number, said, memory
                    self._current = number + self._step
        except EOFError:
            self.process.join()
            if self._current < self._end:
                yield self._current, f"FOUND death with exit status {self.process.exitcode}", 0
                self._current += self._step
            self._start(self._current)
            return
        if time.monotonic() - self._since > LONGEST_SECONDS:
            self.process.kill()
            self.process.join()
            yield self._current, f"FOUND hang of more than {LONGEST_SECONDS:g} s", 0
            self._start(self._current + self._step)


def main() -> int:
    """Fuzz as the options say; exit with 1 if anything was found."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--mutations", type=int, default=200_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", type=int, help="decode this mutation alone, in this process")
    chosen = options.parse_args()
    if chosen.only is not None:
        kind, content = mutated(chosen.seed, chosen.only)
        print(kind, len(content), outcome(content))
        return 0
    start = time.monotonic()

    def told(done: int) -> None:
        if done % TOLD_EVERY == 0:
            print(f"{done:,} of {chosen.mutations:,}", file=sys.stderr, flush=True)

    result = fuzz(chosen.seed, chosen.mutations, told)
    print(json.dumps(result | {"seconds": round(time.monotonic() - start)}, indent=2))
    return 1 if result["found"] or result["mutations"] != chosen.mutations else 0


if __name__ == "__main__":
    sys.exit(main())
