"""PixelCache: decoded pictures in memory-mapped files, kept from run to run."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from convwise.data.catalogue import cache_folder
from convwise.data.dataset import MAX_PIXELS, Progress, Reading, Samples, in_memory
from convwise.data.store import DIGEST_BYTES, pixel_digest
from convwise.data.traits import Traits
from convwise.image import ImageFormat

# Part of every key: raise it when the same file would give other pixels or other facts.
VERSION = 2
SMALLEST_BYTES = 16 << 20
LARGEST_TOTAL_BYTES = 20 << 30

_PIXELS, _FACTS, _ENTRY = "pixels.u8", "facts.npz", "entry.json"
_ABANDONED_AFTER_SECONDS = 86_400
_CHECKED_AT_ONCE = 1 << 24

Notice = Callable[[str], None]


@dataclass(frozen=True)
class PixelCache:
    """A folder of decoded data sets.

    Each entry is a folder of its own, named by a digest of what the pixels depend on: the image
    format, the pixel cap, the decoder's version, and the source's state (names, sizes, inodes and
    times of change of its files). A file that is edited, replaced or added gives another name.
    An entry is made aside and renamed when it is whole, so two processes never see half of one;
    on opening, each picture is compared with its digest, and a damaged entry is made anew. Where
    nothing can be written, the pixels stay in memory.

    Args:
        folder: where the entries lie.
        notice: told in a line what is kept, taken or given up.
        smallest: data sets of fewer bytes of pixels are decoded into memory each time.
        largest_total: beyond so many bytes, entries that were not used for longest are removed.

    Example:
        >>> from convwise.data import load_data
        >>> cache = PixelCache(Path("cache-that-is-not-needed"))
        >>> decoded = load_data("fashion-mini").decode(cache=cache)
        >>> cache.folder.exists()  # these pixels lie ready in an array
        False
    """

    folder: Path
    notice: Notice = lambda text: None
    smallest: int = SMALLEST_BYTES
    largest_total: int = LARGEST_TOTAL_BYTES

    @classmethod
    def of_user(cls, notice: Notice = lambda text: None) -> PixelCache:
        """Return the cache in the user's cache folder."""
        return cls(cache_folder() / "pixels", notice)

    def decode(
        self,
        samples: Samples,
        image_format: ImageFormat,
        *,
        max_pixels: int = MAX_PIXELS,
        on_progress: Progress | None = None,
    ) -> Reading:
        """Do what ``samples.decode`` does, or take what an earlier call has kept."""
        shape = (len(samples), *image_format.shape)
        state = samples.state() if math.prod(shape) >= self.smallest else None
        if state is None:
            return samples.decode(image_format, max_pixels=max_pixels, on_progress=on_progress)
        entry = self.folder / _key(state, shape, image_format, max_pixels)
        kept = self._kept(entry, shape, on_progress)
        if kept is not None:
            self.notice(f"decoded images taken from {entry} ({_size(shape)}), all checked")
            return kept
        writer = _Writer(self.folder / f".{entry.name}.{secrets.token_hex(4)}", self.notice)
        try:
            reading = samples.decode(
                image_format,
                allocate=writer.allocate,
                max_pixels=max_pixels,
                on_progress=on_progress,
            )
            if writer.keep(reading, entry):
                self.notice(f"decoded images kept in {entry} ({_size(shape)})")
                self._make_room(entry)
        finally:
            # What was renamed is no longer there; what was not is of no use. The mapping lives on.
            shutil.rmtree(writer.aside, ignore_errors=True)
        return reading

    def _kept(
        self, entry: Path, shape: tuple[int, ...], on_progress: Progress | None
    ) -> Reading | None:
        if not entry.exists():
            return None
        try:
            reading = _opened(entry, shape, on_progress)
        except Exception as error:  # a damaged file can raise whatever its reader stumbles on
            self.notice(f"{entry} is damaged ({error}); the images are decoded again")
            shutil.rmtree(entry, ignore_errors=True)
            return None
        with suppress(OSError):
            os.utime(entry / _ENTRY)
        return reading

    def _make_room(self, newest: Path) -> None:
        """Remove abandoned halves, and the oldest entries beyond the limit."""
        entries = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                mark = path / (_PIXELS if path.name.startswith(".") else _ENTRY)
                with suppress(OSError):
                    age = time.time() - mark.stat().st_mtime
                    if not path.name.startswith("."):
                        entries.append((age, (path / _PIXELS).stat().st_size, path))
                    elif age > _ABANDONED_AFTER_SECONDS:
                        shutil.rmtree(path, ignore_errors=True)
        total = 0
        for _, size, path in sorted(entries, key=lambda each: (each[2] != newest, each[0])):
            total += size
            if total > self.largest_total and path != newest:
                self.notice(f"removed {path}: decoded images that were not used for longest")
                shutil.rmtree(path, ignore_errors=True)


class _Writer:
    """Makes an entry aside; gives up, and says so, where the disk cannot hold it."""

    def __init__(self, aside: Path, notice: Notice) -> None:
        self.aside = aside
        self.notice = notice
        self.mapped = False

    def allocate(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return an array in a file, or in memory if there can be none."""
        try:
            self.aside.mkdir(parents=True)
            with (self.aside / _PIXELS).open("xb") as file:
                _reserve(file.fileno(), math.prod(shape))
            mapped = np.memmap(self.aside / _PIXELS, np.uint8, "r+", shape=shape)
        except OSError as error:
            self._give_up(error)
            return in_memory(shape)
        self.mapped = True
        return np.asarray(mapped)

    def keep(self, reading: Reading, entry: Path) -> bool:
        """Put the entry into its place; return whether it is there."""
        if not self.mapped or reading.passing:
            return False
        facts = io.BytesIO()
        traits = reading.traits
        np.savez(
            facts,
            widths=traits.widths,
            heights=traits.heights,
            kinds=traits.kinds,
            digests=reading.digests,
        )
        description = {
            "version": VERSION,
            "shape": reading.images.shape,
            "facts": hashlib.sha256(facts.getvalue()).hexdigest(),
            "reasons": {str(place): reason for place, reason in reading.reasons.items()},
        }
        try:
            with (self.aside / _PIXELS).open("rb+") as file:
                os.fsync(file.fileno())
            _write(self.aside / _FACTS, facts.getvalue())
            _write(self.aside / _ENTRY, json.dumps(description).encode())
            self.aside.rename(entry)
        except OSError as error:
            # Another process that was quicker has made the same entry.
            if not (entry / _ENTRY).exists():
                self._give_up(error)
            return False
        return True

    def _give_up(self, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        self.notice(f"decoded images cannot be kept in {self.aside.parent}: {reason}")


def _key(state: bytes, shape: tuple[int, ...], image_format: ImageFormat, max_pixels: int) -> str:
    fields = image_format.to_dict()
    # They scale pixels that are decoded already.
    del fields["mean"], fields["std"]
    depends = json.dumps([VERSION, PIL.__version__, shape, fields, max_pixels], sort_keys=True)
    return hashlib.blake2b(depends.encode() + b"\0" + state, digest_size=16).hexdigest()


def _opened(entry: Path, shape: tuple[int, ...], on_progress: Progress | None) -> Reading:
    description: dict[str, Any] = json.loads((entry / _ENTRY).read_bytes())
    content = (entry / _FACTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != description["facts"]:
        raise ValueError("its facts are not those that were written")
    if tuple(description["shape"]) != shape:
        raise ValueError(f"it holds pictures of shape {description['shape']}")
    if (entry / _PIXELS).stat().st_size != math.prod(shape):
        raise ValueError("its pixels are cut off")
    with np.load(io.BytesIO(content), allow_pickle=False) as facts:
        traits = Traits(facts["widths"], facts["heights"], facts["kinds"])
        digests = facts["digests"]
    reasons = {int(place): str(reason) for place, reason in description["reasons"].items()}
    images = np.asarray(np.memmap(entry / _PIXELS, np.uint8, "r", shape=shape))
    _check(images, digests, reasons, on_progress)
    return Reading(images, np.arange(len(images), dtype=np.int64), traits, digests, reasons)


def _check(
    images: NDArray[np.uint8],
    digests: NDArray[np.uint8],
    reasons: Mapping[int, str],
    on_progress: Progress | None,
) -> None:
    """Compare each picture with its digest, with all processors.

    Raises:
        ValueError: a picture has changed.
    """
    step = max(1, _CHECKED_AT_ONCE // max(1, images[0].size))

    def changed(start: int) -> NDArray[np.int64]:
        block = images[start : start + step]
        found = b"".join(map(pixel_digest, block))
        same = np.frombuffer(found, np.uint8).reshape(-1, DIGEST_BYTES) == digests[start:][:step]
        return start + np.flatnonzero(~same.all(axis=1))

    with ThreadPoolExecutor(thread_name_prefix="check") as threads:
        starts = range(0, len(images), step)
        for start, places in zip(starts, threads.map(changed, starts), strict=True):
            for place in places.tolist():
                if place not in reasons:
                    raise ValueError(f"picture {place} has changed")
            if on_progress:
                on_progress(min(start + step, len(images)), len(images))


def _reserve(descriptor: int, size: int) -> None:
    # A file with holes would end the process when the disk is full: a mapping cannot report it.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _size(shape: tuple[int, ...]) -> str:
    return f"{math.prod(shape) / 1e6:,.0f} MB"
