"""Dataset: what is to be read, before a pixel of it is decoded; Decoded: what came of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convwise.data.copies import keep_copies_together
from convwise.data.store import PixelStore
from convwise.data.traits import Traits
from convwise.errors import DataError
from convwise.image import ImageFormat

if TYPE_CHECKING:
    from convwise.data.pixel_cache import PixelCache

SPLITS = ("train", "validation", "test")
MAX_PIXELS = 100_000_000
MAX_BAD = 0.05

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Header:
    """What is known of a picture before a pixel is decoded; sizes are upright."""

    width: int
    height: int
    grey: bool


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.

    Args:
        path: the file, relative to the data set's folder, with forward slashes.
        reason: why, in plain words.
        damaged: it should have been a picture of a class; anything else is merely not for us.
    """

    path: str
    reason: str
    damaged: bool = False


Allocate = Callable[[tuple[int, ...]], NDArray[np.uint8]]


def in_memory(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an array that is not filled yet.

    Raises:
        DataError: there is not so much memory.
    """
    try:
        return np.empty(shape, np.uint8)
    except MemoryError:
        count, height, width, channels = shape
        raise DataError(
            f"{count:,} images of {height}×{width}×{channels} need "
            f"{math.prod(shape) / 1e9:,.1f} GB of memory; let them be kept in a file, "
            "or give a smaller --image-size"
        ) from None


@dataclass(frozen=True, eq=False)
class Reading:
    """What came of decoding n pictures.

    Args:
        images: uint8, (N, height, width, channels).
        rows: int64, (n,), where each picture lies in ``images``.
        traits: of the n pictures; of those that could not be read, zeros.
        digests: uint8, (n, 16), of each picture's pixels.
        reasons: position → why that picture could not be read.
        passing: a reason is the file system's and may pass, so this is not to be remembered.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    traits: Traits
    digests: NDArray[np.uint8]
    reasons: Mapping[int, str]
    passing: bool = False


class Samples(Protocol):
    """Labelled pictures that are not decoded yet, in canonical order."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, (n,)."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The source's own name of each picture."""

    def __len__(self) -> int: ...

    def decode(
        self,
        image_format: ImageFormat,
        *,
        allocate: Allocate = in_memory,
        max_pixels: int = MAX_PIXELS,
        on_progress: Progress | None = None,
    ) -> Reading:
        """Decode everything; what cannot be read gets a reason instead of an error.

        Args:
            image_format: what to decode to.
            allocate: makes the array that pictures are decoded into, from its shape; it is not
                called where pixels lie ready in that format.
            max_pixels: a file that states more than so many pixels is not decoded.
            on_progress: called as ``on_progress(done, total)``.
        """

    def state(self) -> bytes | None:
        """Return what differs when a picture may have changed; None where pixels lie ready."""

    def whole_digest(self, position: int) -> bytes:
        """Return a digest of a readable picture's upright pixels at full size, and of its size.

        Raises:
            DataError: the picture cannot be read.
        """

    def header(self, position: int) -> Header:
        """Return a picture's size and whether it is grey, without decoding it.

        Raises:
            DataError: the picture cannot be read.
        """


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named set of labelled pictures in three splits.

    Args:
        name: short name for reports.
        source: where it came from, a path or a catalogue name.
        classes: class names; a label is an index into them.
        format: the size and channels to decode to; its mean and std are still the defaults.
        samples: all pictures.
        splits: ``train``, ``validation`` and ``test`` → positions in ``samples``, ascending.
        skipped: files that were left out while the source was listed.
        carved: those of the splits that convwise made; the others are the source's own.
        groups: int64, (n,): pictures of one group stay on one side when splits are made.
        options: those of ``load_data`` that decided classes and splits and are not its defaults,
            the seed apart.

    Example:
        >>> from convwise.data import load_data
        >>> {split: len(places) for split, places in load_data("fashion-mini").splits.items()}
        {'train': 9000, 'validation': 1000, 'test': 2000}
    """

    name: str
    source: str
    classes: tuple[str, ...]
    format: ImageFormat
    samples: Samples
    splits: Mapping[str, NDArray[np.int64]]
    skipped: tuple[Skipped, ...] = ()
    carved: tuple[str, ...] = ()
    groups: NDArray[np.int64] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if tuple(self.splits) != SPLITS:
            raise DataError(
                f"splits are {', '.join(self.splits)}; they must be {', '.join(SPLITS)}"
            )

    def labels(self, split: str) -> NDArray[np.int64]:
        """Return the class indices of a split, (n,)."""
        return self.samples.labels[self.splits[split]]

    def ids(self, split: str) -> tuple[str, ...]:
        """Return the names of a split's pictures."""
        names = self.samples.ids
        return tuple(names[place] for place in self.splits[split].tolist())

    def decode(
        self,
        on_progress: Progress | None = None,
        *,
        max_pixels: int = MAX_PIXELS,
        cache: PixelCache | None = None,
    ) -> Decoded:
        """Read all pictures of all splits.

        Args:
            on_progress: called as ``on_progress(done, total)``, in pictures of all splits.
            max_pixels: a file that states more than so many pixels is left out.
            cache: where decoded pixels are kept from run to run; None keeps them in memory.
        """
        decode = self.samples.decode if cache is None else partial(cache.decode, self.samples)
        return self.decoded(decode(self.format, max_pixels=max_pixels, on_progress=on_progress))

    def decoded(self, reading: Reading) -> Decoded:
        """Return the data set with its pixels, each split without what could not be read."""
        names = self.samples.ids
        unread = tuple(
            Skipped(names[place], reason, damaged=True)
            for place, reason in sorted(reading.reasons.items())
        )
        readable = np.ones(len(self.samples), np.bool_)
        readable[list(reading.reasons)] = False
        pictures = PixelStore(
            reading.images, self.samples.labels, names, reading.rows, reading.digests
        )
        places, moved = keep_copies_together(
            {split: part[readable[part]] for split, part in self.splits.items()},
            reading.digests,
            self.carved,
        )
        return Decoded(
            self,
            {split: pictures.select(part) for split, part in places.items()},
            self.skipped + unread,
            {split: reading.traits.select(part) for split, part in places.items()},
            places,
            tuple(names[place] for place in moved.tolist()),
        )


@dataclass(frozen=True, eq=False)
class Decoded:
    """A data set with its pixels.

    Args:
        dataset: what was decoded.
        stores: pixels per split.
        skipped: every file that was left out, with its reason.
        traits: per split, what was noticed while decoding.
        places: per split, the positions of its pictures in ``dataset.samples``.
        moved: pictures that went to the training split because a split that convwise made had a
            copy of a picture elsewhere (:mod:`convwise.data.copies`).
    """

    dataset: Dataset
    stores: Mapping[str, PixelStore]
    skipped: tuple[Skipped, ...] = ()
    traits: Mapping[str, Traits] = field(default_factory=dict)
    places: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    moved: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over class names, and over labels and pixels of each split, in order.

        Ids do not enter: a folder that is moved, or exported and read again with the same class
        names, is the same data. The pixels enter by a digest of each picture.
        """
        return self.fingerprint_of(*self.stores)

    def fingerprint_of(self, *splits: str) -> str:
        """SHA-256 over class names, and over labels and pixels of these splits, in order."""
        digest = hashlib.sha256()
        for name in self.dataset.classes:
            digest.update(_framed(name.encode("utf-8", "surrogatepass")))
        for split in splits:
            store = self.stores[split]
            digest.update(_framed(f"{split} {(len(store), *store.shape)}".encode()))
            digest.update(store.labels.astype("<i8", copy=False).tobytes())
            digest.update(store.digests.tobytes())
        return digest.hexdigest()

    def require_learnable(self, max_bad: float = MAX_BAD) -> None:
        """Check that there is something to learn from and to score.

        Args:
            max_bad: the largest share of damaged picture files that is put up with, 0…1.

        Raises:
            DataError: a split, or a class in the training split, has no readable picture; or too
                many files are damaged.
        """
        present = np.bincount(self.stores["train"].labels, minlength=len(self.dataset.classes))
        missing = [name for name, n in zip(self.dataset.classes, present, strict=True) if n == 0]
        if missing and len(self.stores["train"]):
            raise DataError(
                f"{self.dataset.source}: class {missing[0]!r} has no readable picture to learn from"
                f"{self._first_reason()}; add pictures to it, or leave the class out"
            )
        for split, store in self.stores.items():
            if len(store):
                continue
            if len(self.dataset.splits[split]):
                problem = f"no picture of the {split} split can be read{self._first_reason()}"
            else:
                problem = f"too few pictures for a {split} split; have at least three of a class"
            raise DataError(f"{self.dataset.source}: {problem}")
        damaged = [each for each in self.skipped if each.damaged]
        files = len(damaged) + sum(len(store) for store in self.stores.values())
        if len(damaged) > max_bad * files:
            raise DataError(
                f"{self.dataset.source}: {len(damaged)} of {files} pictures cannot be read, which "
                f"is more than {max_bad * 100:g} %; the first is {damaged[0].path}: "
                f"{damaged[0].reason}. See them all with `convwise audit`, mend or remove them, "
                "or allow more with --max-bad"
            )

    def _first_reason(self) -> str:
        if not self.skipped:
            return ""
        first = self.skipped[0]
        return f" ({len(self.skipped)} files were skipped, the first {first.path}: {first.reason})"


def _framed(value: bytes) -> bytes:
    # A length before each value keeps ("ab", "c") and ("a", "bc") apart.
    return len(value).to_bytes(8, "little") + value
