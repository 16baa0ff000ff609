from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from convwise.data.arrays import ArraySamples, read_idx
from convwise.errors import DataError
from convwise.image import ImageFormat

VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 3, 4) + VALUES.tobytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "values"


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT, mtime=0)])
def test_plain_and_gzip_files_are_told_apart_by_content(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert np.array_equal(read_idx(path, dimensions=3, sha256=sha256), VALUES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no IDX file"),
        (b"\x89PNG" + CONTENT, "no IDX file"),
        (CONTENT[:9], "cut off inside its header"),
        (CONTENT[:-1], "2 × 3 × 4 values but holds only 23"),
        (CONTENT + b"x", "2 × 3 × 4 values but holds more"),
        (b"\0\0\x0d\x03" + CONTENT[4:], "type 0x0d with 3 dimensions"),
        (b"\0\0\x08\x01" + CONTENT[4:], "with 1 dimensions; expected type 0x08 .* with 3"),
        (b"\0\0\x08\x03" + b"\xff" * 12 + b"x", "holds only 1"),
        (gzip.compress(CONTENT, mtime=0)[:-9], "cannot be read"),
        (gzip.compress(CONTENT, mtime=0)[:-8] + bytes(8), "cannot be read"),
        (b"\x1f\x8b" + b"x" * 40, "cannot be read"),
    ],
)
def test_damaged_files_are_refused(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, dimensions=3)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_a_data_error(path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(path, dimensions=3)


def test_another_content_than_published_names_the_file(path: Path) -> None:
    path.write_bytes(CONTENT)
    with pytest.raises(DataError, match=f"{path} is not the published file"):
        read_idx(path, dimensions=3, sha256="0" * 64)


def test_pictures_come_by_class_then_in_their_own_order() -> None:
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1)
    samples = ArraySamples.of(images, np.array([1, 0, 1, 0, 2], np.uint8), "train")
    reading = samples.decode(ImageFormat(1, 1, 1))
    assert reading.images[reading.rows].ravel().tolist() == [1, 3, 0, 2, 4]
    assert samples.labels.tolist() == [0, 0, 1, 1, 2]
    assert samples.ids[0] == "train/00001"
    assert reading.reasons == {}


def test_pixels_that_have_the_format_are_not_copied() -> None:
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1)
    samples = ArraySamples.of(images, np.zeros(5, int), "x")
    assert np.shares_memory(samples.decode(ImageFormat(1, 1, 1)).images, images)


def test_joined_parts_keep_their_order_and_names() -> None:
    first = ArraySamples.of(np.array([[[3]], [[4]]], np.uint8), np.array([1, 0]), "train")
    second = ArraySamples.of(np.array([[[5]]], np.uint8), np.array([0]), "test")
    joined = ArraySamples.joined([first, second])
    reading = joined.decode(ImageFormat(1, 1, 1))
    assert reading.images[reading.rows].ravel().tolist() == [4, 3, 5]
    assert joined.ids == ("train/00001", "train/00000", "test/00000")


def test_parts_of_other_shapes_are_not_joined() -> None:
    parts = [
        ArraySamples.of(np.zeros((1, side, side), np.uint8), np.array([0]), "x") for side in (2, 3)
    ]
    with pytest.raises(DataError, match="pictures of 2 × 2 and 3 × 3"):
        ArraySamples.joined(parts)


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 4, 4, 1), (2, 4, 4, 3)])
def test_other_formats_are_rendered(shape: tuple[int, ...]) -> None:
    samples = ArraySamples.of(np.full(shape, 200, np.uint8), np.array([0, 1]), "x")
    seen: list[int] = []
    reading = samples.decode(
        ImageFormat(6, 8, 3), on_progress=lambda done, total: seen.append(done)
    )
    assert reading.images.shape == (2, 6, 8, 3)
    assert (reading.images[:, :, 1:7] == 200).all()
    assert (reading.images[:, :, [0, 7]] == 0).all()
    assert seen[-1] == 2


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4)), np.zeros(2, int), "images are float64; give uint8"),
        (np.zeros((2, 4), np.uint8), np.zeros(2, int), r"shape \(2, 4\)"),
        (np.zeros((2, 4, 4, 2), np.uint8), np.zeros(2, int), r"shape \(2, 4, 4, 2\)"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(3, int), "2 images need"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2), "labels are float64"),
        (np.zeros((2, 4, 4), np.uint8), np.array([0, -1]), "label -1 is negative"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        ArraySamples.of(images, labels, "train")
