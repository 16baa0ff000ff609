"""Pictures that come as files, one picture a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convwise.data.dataset import Progress, Skipped
from convwise.data.pool import decode_files
from convwise.data.store import PixelStore
from convwise.image import ImageFormat


@dataclass(frozen=True, eq=False)
class FileSamples:
    """Labelled picture files; see :class:`convwise.data.dataset.Samples`.

    Args:
        root: the data set's folder.
        paths: n paths, relative to ``root``.
        labels: int64, (n,).
    """

    root: Path
    paths: tuple[str, ...]
    labels: NDArray[np.int64]

    @property
    def ids(self) -> tuple[str, ...]:
        """Relative paths with forward slashes, as text that can always be written."""
        return tuple(printable(path) for path in self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def select(self, indices: NDArray[np.int64]) -> FileSamples:
        """Return the files at these positions."""
        paths = tuple(self.paths[index] for index in indices.tolist())
        return FileSamples(self.root, paths, self.labels[indices])

    def decode(
        self, image_format: ImageFormat, on_progress: Progress | None = None
    ) -> tuple[PixelStore, tuple[Skipped, ...]]:
        """Decode all files; those that cannot be read are listed instead."""
        files = [self.root / path for path in self.paths]
        pixels, reasons = decode_files(files, image_format, on_progress)
        ids = self.ids
        good = np.array([place not in reasons for place in range(len(self))], dtype=np.bool_)
        names = tuple(name for name, read in zip(ids, good, strict=True) if read)
        skipped = tuple(Skipped(ids[place], reasons[place]) for place in sorted(reasons))
        return PixelStore(pixels, self.labels[good], names), skipped


def printable(path: str) -> str:
    """Return a path as text that any JSON or CSV file can hold, even if its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
