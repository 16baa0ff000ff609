"""Pictures that come as arrays, and the IDX files that MNIST and its relatives come in."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.data.dataset import MAX_PIXELS, Allocate, Header, Progress, Reading, in_memory
from convwise.data.render import render
from convwise.data.store import PixelStore, pixel_digest
from convwise.data.traits import Kind, Traits
from convwise.errors import DataError
from convwise.image import ImageFormat

_UNSIGNED_BYTE = 0x08
_BLOCK = 1 << 20
_PROGRESS_EVERY = 256


def read_idx(path: Path, *, dimensions: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read an IDX file of bytes, plain or gzip (told apart by content, not by name).

    The format is that of LeCun's MNIST page: two zero bytes, a type code, the number of
    dimensions, each size as a big-endian 32-bit number, then the values.

    Args:
        path: the file.
        dimensions: how many dimensions the file must have: 1 for labels, 3 for pictures.
        sha256: the SHA-256 that the uncompressed content must have.

    Returns:
        uint8, read-only, of the shape that the file states.

    Raises:
        DataError: the file is missing, of another kind, cut off, too long, or has another sum.
    """
    try:
        with path.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            stream: BinaryIO = gzip.GzipFile(fileobj=file) if start == b"\x1f\x8b" else file  # type: ignore[assignment]
            content, shape = _read_whole(stream, dimensions, path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(
            f"{path} is not the published file: its content has another SHA-256 than {sha256}; "
            "replace it or remove it"
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _read_whole(stream: BinaryIO, dimensions: int, path: Path) -> tuple[bytes, tuple[int, ...]]:
    head = stream.read(4 + 4 * dimensions)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise DataError(f"{path} is no IDX file: it does not begin with two zero bytes and a type")
    if head[2] != _UNSIGNED_BYTE or head[3] != dimensions:
        raise DataError(
            f"{path} is an IDX file of type 0x{head[2]:02x} with {head[3]} dimensions; "
            f"expected type 0x08 (unsigned bytes) with {dimensions}"
        )
    if len(head) < 4 + 4 * dimensions:
        raise DataError(f"{path} is cut off inside its header")
    shape = struct.unpack(f">{dimensions}I", head[4:])
    expected = math.prod(shape)
    # Block by block: a header that promises terabytes must not allocate them.
    body = io.BytesIO(head)
    body.seek(0, io.SEEK_END)
    found = 0
    while found <= expected and (block := stream.read(min(_BLOCK, expected + 1 - found))):
        body.write(block)
        found += len(block)
    if found != expected:
        size = f"only {found}" if found < expected else "more"
        raise DataError(
            f"{path} states {' × '.join(map(str, shape))} values but holds {size}; "
            "it is damaged, fetch it again"
        )
    return body.getvalue(), shape


def resized(images: NDArray[np.uint8], image_format: ImageFormat) -> NDArray[np.uint8]:
    """Return pictures in an image format, by its rule; those that have its shape as they are.

    Args:
        images: uint8, (n, height, width, 1 or 3).
        image_format: the size and channels.

    Example:
        >>> resized(np.zeros((2, 4, 4, 1), np.uint8), ImageFormat(8, 8, 3)).shape
        (2, 8, 8, 3)
    """
    samples = ArraySamples.of(images, np.zeros(len(images), np.int64), "images")
    reading = samples.decode(image_format)
    return reading.images[reading.rows]


@dataclass(frozen=True, eq=False)
class ArraySamples:
    """Labelled pictures that stand in one array; see :class:`convwise.data.dataset.Samples`.

    Args:
        images: uint8, (N, height, width) or (N, height, width, 1 or 3); shared, never changed.
        rows: int64, (n,), which of the N pictures these are.
        labels: int64, (n,).
        ids: n names.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]

    @classmethod
    def of(cls, images: NDArray[np.uint8], labels: NDArray[np.integer], name: str) -> ArraySamples:
        """Put all pictures of an array into canonical order: by class, then as they stand.

        Args:
            images: uint8, (n, height, width) or (n, height, width, 1 or 3).
            labels: whole numbers, (n,), from 0.
            name: ids become ``name/00000``, ``name/00001``…

        Raises:
            DataError: types or shapes do not fit, or a label is negative.

        Example:
            >>> ArraySamples.of(np.zeros((2, 8, 8), np.uint8), np.array([1, 0]), "train").ids
            ('train/00001', 'train/00000')
        """
        if images.dtype != np.uint8:
            raise DataError(
                f"{name}: images are {images.dtype}; give uint8 pixels 0…255, "
                "for example (images * 255).astype('uint8')"
            )
        if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
            raise DataError(
                f"{name}: images have shape {images.shape}; "
                "give (n, height, width) or (n, height, width, 1 or 3)"
            )
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(
                f"{name}: labels are {labels.dtype} of shape {labels.shape}; "
                f"{len(images)} images need whole numbers of shape ({len(images)},)"
            )
        if len(labels) and labels.min() < 0:
            raise DataError(f"{name}: label {labels.min()} is negative; labels count from 0")
        rows = np.argsort(labels, kind="stable").astype(np.int64)
        ids = tuple(f"{name}/{row:05d}" for row in rows.tolist())
        return cls(images, rows, labels[rows].astype(np.int64), ids)

    @classmethod
    def joined(cls, parts: Sequence[ArraySamples]) -> ArraySamples:
        """Return the pictures of several parts as one, part after part.

        Raises:
            DataError: the parts hold pictures of different shapes.
        """
        shapes = {part.images.shape[1:] for part in parts}
        if len(shapes) > 1:
            named = " and ".join(" × ".join(map(str, shape)) for shape in sorted(shapes))
            raise DataError(f"the parts hold pictures of {named}; give all of them one size")
        starts = np.cumsum([0, *(len(part.images) for part in parts[:-1])])
        return cls(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.rows + at for part, at in zip(parts, starts, strict=True)]),
            np.concatenate([part.labels for part in parts]),
            tuple(name for part in parts for name in part.ids),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def decode(
        self,
        image_format: ImageFormat,
        *,
        allocate: Allocate = in_memory,
        max_pixels: int = MAX_PIXELS,
        on_progress: Progress | None = None,
    ) -> Reading:
        """Take the pictures as they stand, or resize them; nothing is skipped."""
        height, width, channels = (*self.images.shape[1:], 1)[:3]
        if (height, width, channels) == image_format.shape:
            images, rows = self.images.reshape(-1, height, width, channels), self.rows
        else:
            images = self._rendered(
                allocate((len(self), *image_format.shape)), image_format, on_progress
            )
            rows = np.arange(len(self), dtype=np.int64)
        if on_progress:
            on_progress(len(self), len(self))
        kinds = Kind.GREY if channels == 1 else Kind(0)
        traits = Traits.uniform(len(self), width, height, kinds)
        digests = PixelStore(images, self.labels, self.ids, rows).digests
        return Reading(images, rows, traits, digests, {})

    def state(self) -> None:
        """Return None: the pixels lie ready."""

    def whole_digest(self, position: int) -> bytes:
        """Return a digest of the picture as it stands; see ``Samples``."""
        return pixel_digest(self.images[self.rows[position]])

    def header(self, position: int) -> Header:
        """Return the size that all pictures have; see ``Samples``."""
        height, width, channels = (*self.images.shape[1:], 1)[:3]
        return Header(width, height, channels == 1)

    def _rendered(
        self,
        pixels: NDArray[np.uint8],
        image_format: ImageFormat,
        on_progress: Progress | None,
    ) -> NDArray[np.uint8]:
        single = self.images.ndim == 4 and self.images.shape[3] == 1
        for place, row in enumerate(self.rows.tolist()):
            picture = self.images[row, :, :, 0] if single else self.images[row]
            pixels[place], _ = render(Image.fromarray(picture), image_format)
            if on_progress and place % _PROGRESS_EVERY == 0:
                on_progress(place, len(self))
        return pixels
