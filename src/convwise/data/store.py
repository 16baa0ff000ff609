"""PixelStore: decoded pictures of one split, ready to be cut into batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from convwise.errors import DataError

DIGEST_BYTES = 16

_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class PixelStore:
    """Pictures, labels and names of one split, in canonical order.

    The canonical order is by class index, then by file name (arrays: their own order). So a data
    set and its export as folders give the same bytes.

    The images may lie in a memory-mapped file that several stores share; then each store knows
    its rows of it, and memory holds no more than what is taken out.

    Args:
        images: uint8, (N, height, width, channels), C-contiguous; never changed.
        labels: int64, (n,), class indices.
        ids: n names, each the source's own name for the picture.
        rows: int64, (n,), which of the N images these are; None for all of them as they stand.
        known_digests: what :attr:`digests` would compute, where it is known already.

    Raises:
        DataError: the parts do not belong together, or have other types.

    Example:
        >>> store = PixelStore(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), ("a", "b"))
        >>> store.select(np.array([1])).take(slice(None)).shape
        (1, 4, 4, 1)
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    rows: NDArray[np.int64] | None = None
    known_digests: NDArray[np.uint8] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise DataError(
                f"pixels are {self.images.dtype} of shape {self.images.shape}; "
                "a PixelStore takes uint8 of shape (n, height, width, channels)"
            )
        count = len(self)
        if self.labels.dtype != np.int64 or self.labels.shape != (count,):
            raise DataError(
                f"labels are {self.labels.dtype} of shape {self.labels.shape}; "
                f"{count} pictures need int64 of shape ({count},)"
            )
        if len(self.ids) != count:
            raise DataError(f"{count} pictures come with {len(self.ids)} ids")

    def __len__(self) -> int:
        return len(self.images) if self.rows is None else len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of each picture."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """All pictures at once, uint8, (n, height, width, channels); copied unless rows is None."""
        return self.take(slice(None))

    def take(self, positions: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        """Return the pictures at these positions, uint8, (m, height, width, channels)."""
        chosen = positions if self.rows is None else self.rows[positions]
        return self.images[chosen]

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield all pictures in order, some megabytes at a time."""
        step = max(1, _BLOCK_VALUES // max(1, int(np.prod(self.shape))))
        for start in range(0, len(self), step):
            yield self.take(slice(start, start + step))

    def select(self, indices: NDArray[np.int64]) -> PixelStore:
        """Return a store of the pictures at these positions, in their order; no pixel is copied."""
        ids = tuple(self.ids[index] for index in indices.tolist())
        rows = indices if self.rows is None else self.rows[indices]
        known = None if self.known_digests is None else self.known_digests[indices]
        return PixelStore(self.images, self.labels[indices], ids, rows, known)

    @classmethod
    def joined(cls, stores: Sequence[PixelStore]) -> PixelStore:
        """Return one store of several, in their order; nothing is copied if they share pixels."""
        labels = np.concatenate([store.labels for store in stores])
        ids = tuple(name for store in stores for name in store.ids)
        shared = stores[0].images
        rows = [store.rows for store in stores if store.rows is not None]
        if len(rows) == len(stores) and all(store.images is shared for store in stores):
            return cls(shared, labels, ids, np.concatenate(rows))
        return cls(np.concatenate([store.pixels for store in stores]), labels, ids)

    @cached_property
    def digests(self) -> NDArray[np.uint8]:
        """A BLAKE2b digest of each picture's pixels, uint8, (n, 16)."""
        if self.known_digests is not None:
            return self.known_digests
        found = [pixel_digest(picture) for block in self.blocks() for picture in block]
        return np.frombuffer(b"".join(found), np.uint8).reshape(len(self), DIGEST_BYTES)

    def channel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of each channel, in units of the full range 0…1.

        Both are exact to float64, and do not depend on the number of threads. A standard
        deviation below one grey level counts as one level, so that it can always be divided by.

        Raises:
            DataError: the store is empty.
        """
        height, width, channels = self.shape
        count = len(self) * height * width
        if count * channels == 0:
            raise DataError("an empty split has no mean; add pictures to it")
        total = np.zeros(channels)
        squares = np.zeros(channels)
        for block in self.blocks():
            # Whole numbers below 2**53 add without rounding, in any order.
            values = block.reshape(-1, channels).astype(np.float64)
            total += values.sum(axis=0)
            squares += np.einsum("nc,nc->c", values, values)
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0.0)
        std = np.maximum(np.sqrt(variance), 1.0)
        return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


def pixel_digest(picture: NDArray[np.uint8]) -> bytes:
    """Return the BLAKE2b digest of a picture's pixels, 16 bytes; its shape does not enter."""
    return hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=DIGEST_BYTES).digest()
