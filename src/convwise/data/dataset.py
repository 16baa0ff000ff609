"""Dataset: what is to be read, before a pixel of it is decoded; Decoded: what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convwise.data.store import PixelStore
from convwise.errors import DataError
from convwise.image import ImageFormat

SPLITS = ("train", "validation", "test")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.

    Args:
        path: the file, relative to the data set's folder, with forward slashes.
        reason: why, in plain words.
    """

    path: str
    reason: str


class Samples(Protocol):
    """Labelled pictures of one split that are not decoded yet, in canonical order."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, (n,)."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The source's own name of each picture."""

    def __len__(self) -> int: ...

    def select(self, indices: NDArray[np.int64]) -> Samples:
        """Return the pictures at these positions, in the order of ``indices``."""

    def decode(
        self, image_format: ImageFormat, on_progress: Progress | None = None
    ) -> tuple[PixelStore, tuple[Skipped, ...]]:
        """Decode everything; what cannot be read is listed instead of raised."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named set of labelled pictures in three splits.

    Args:
        name: short name for reports.
        source: where it came from, a folder or a catalogue name.
        classes: class names; a label is an index into them.
        format: the size and channels to decode to; its mean and std are still the defaults.
        splits: ``train``, ``validation`` and ``test``.
        skipped: files that were left out while the source was listed.

    Example:
        >>> from convwise.data import load_data
        >>> {split: len(samples) for split, samples in load_data("fashion-mini").splits.items()}
        {'train': 9000, 'validation': 1000, 'test': 2000}
    """

    name: str
    source: str
    classes: tuple[str, ...]
    format: ImageFormat
    splits: Mapping[str, Samples]
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        if tuple(self.splits) != SPLITS:
            raise DataError(
                f"splits are {', '.join(self.splits)}; they must be {', '.join(SPLITS)}"
            )

    def decode(self, on_progress: Progress | None = None) -> Decoded:
        """Read all pictures of all splits.

        Args:
            on_progress: called as ``on_progress(done, total)``, in pictures of all splits.

        Raises:
            DataError: a split, or a class in the training split, has no readable picture.
        """
        total = sum(len(samples) for samples in self.splits.values())
        stores: dict[str, PixelStore] = {}
        skipped = list(self.skipped)
        done = 0
        for split, samples in self.splits.items():
            report = _continued(on_progress, done, total) if on_progress else None
            stores[split], unread = samples.decode(self.format, report)
            skipped.extend(unread)
            done += len(samples)
        decoded = Decoded(self, stores, tuple(skipped))
        decoded.require_every_class()
        return decoded


def _continued(on_progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: on_progress(before + done, total)


@dataclass(frozen=True, eq=False)
class Decoded:
    """A data set in memory.

    Args:
        dataset: what was decoded.
        stores: pixels per split.
        skipped: every file that was left out, with its reason.
    """

    dataset: Dataset
    stores: Mapping[str, PixelStore]
    skipped: tuple[Skipped, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over class names, and over labels and pixels of each split, in order.

        Ids do not enter: a folder that is moved, or exported and read again with the same class
        names, is the same data.
        """
        digest = hashlib.sha256()
        for name in self.dataset.classes:
            digest.update(_framed(name.encode("utf-8", "surrogatepass")))
        for split, store in self.stores.items():
            digest.update(_framed(f"{split} {store.pixels.shape}".encode()))
            digest.update(store.labels.astype("<i8", copy=False).tobytes())
            digest.update(np.ascontiguousarray(store.pixels).reshape(-1).data)
        return digest.hexdigest()

    def require_every_class(self) -> None:
        """Check that there is something to learn from and to score.

        Raises:
            DataError: a split, or a class in the training split, has no readable picture.
        """
        for split, store in self.stores.items():
            if not len(store):
                raise DataError(
                    f"{self.dataset.source}: no picture of the {split} split can be read"
                    f"{self._first_reason()}"
                )
        present = np.bincount(self.stores["train"].labels, minlength=len(self.dataset.classes))
        missing = [name for name, n in zip(self.dataset.classes, present, strict=True) if n == 0]
        if missing:
            raise DataError(
                f"{self.dataset.source}: class {missing[0]!r} has no readable picture to learn from"
                f"{self._first_reason()}; add pictures to it, or remove its folder"
            )

    def _first_reason(self) -> str:
        if not self.skipped:
            return ""
        first = self.skipped[0]
        return f" ({len(self.skipped)} files were skipped, the first {first.path}: {first.reason})"


def _framed(value: bytes) -> bytes:
    # A length before each value keeps ("ab", "c") and ("a", "bc") apart.
    return len(value).to_bytes(8, "little") + value
