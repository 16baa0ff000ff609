from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.data.array_files import is_array_file, is_idx_folder, list_arrays
from convwise.errors import DataError
from convwise.image import ImageFormat

Arrays = dict[str, Any]
IMAGES = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8)
LABELS = np.array([1, 0, 1, 0])


def save(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shapes.npz"


def test_one_set_of_pictures_stands_by_class(path: Path) -> None:
    listing = list_arrays(save(path, images=IMAGES, labels=LABELS))
    assert listing.name == "shapes"
    assert listing.classes == ("0", "1")
    assert listing.samples.labels.tolist() == [0, 0, 1, 1]
    assert {name: part.tolist() for name, part in listing.parts.items()} == {"all": [0, 1, 2, 3]}
    reading = listing.samples.decode(ImageFormat(8, 8, 1))
    assert np.array_equal(reading.images[reading.rows, :, :, 0], IMAGES[[1, 3, 0, 2]])


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
        (
            ("train_images", "train_labels"),
            ("val_images", "val_labels"),
            ("test_images", "test_labels"),
        ),
    ],
    ids=["keras", "medmnist"],
)
def test_parts_are_found_by_the_names_that_others_use(
    path: Path, train: tuple[str, str], validation: tuple[str, str], test: tuple[str, str]
) -> None:
    arrays = {test[0]: IMAGES[:1], test[1]: LABELS[:1, None], train[0]: IMAGES, train[1]: LABELS}
    listing = list_arrays(save(path, **arrays))
    assert {name: part.tolist() for name, part in listing.parts.items()} == {
        "train": [0, 1, 2, 3],
        "test": [4],
    }
    arrays |= {validation[0]: IMAGES[2:], validation[1]: LABELS[2:]}
    listing = list_arrays(save(path, **arrays))
    assert list(listing.parts) == ["train", "validation", "test"]
    assert listing.samples.labels.tolist() == [0, 0, 1, 1, 0, 1, 1]
    assert listing.samples.ids[4:] == ("validation/00001", "validation/00000", "test/00000")


@pytest.mark.parametrize(
    ("labels", "class_names", "classes", "indices"),
    [
        (np.array(["owl", "bat", "owl", "é"]), None, ("bat", "owl", "é"), [0, 1, 1, 2]),
        (np.array([b"owl", b"bat", b"owl", b"bat"]), None, ("bat", "owl"), [0, 0, 1, 1]),
        (np.array([True, False, True, True]), None, ("0", "1"), [0, 1, 1, 1]),
        (np.array([2, 0, 2, 0], np.uint8), None, ("0", "1", "2"), [0, 0, 2, 2]),
        (LABELS, ["zebra", "ant", "bee"], ("zebra", "ant", "bee"), [0, 0, 1, 1]),
    ],
    ids=["text", "bytes", "truth", "a-number-left-out", "named"],
)
def test_labels_become_classes(
    path: Path, labels: Any, class_names: Any, classes: tuple[str, ...], indices: list[int]
) -> None:
    named = {} if class_names is None else {"class_names": class_names}
    listing = list_arrays(save(path, images=IMAGES, labels=labels, **named))
    assert listing.classes == classes
    assert listing.samples.labels.tolist() == indices


def test_arrays_in_column_order_keep_their_pixels(path: Path) -> None:
    listing = list_arrays(save(path, images=np.asfortranarray(IMAGES), labels=LABELS))
    reading = listing.samples.decode(ImageFormat(8, 8, 1))
    assert np.array_equal(reading.images[reading.rows, :, :, 0], IMAGES[[1, 3, 0, 2]])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "holds nothing; name them images, labels or x_train"),
        ({"pixels": IMAGES}, "holds 'pixels'; name them"),
        ({"images": IMAGES}, "has images without labels"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, "has x_test without y_test"),
        ({"images": IMAGES / 255, "labels": LABELS}, r"images are float64.*\(images \* 255\)"),
        ({"images": IMAGES[0], "labels": LABELS}, r"images have shape \(8, 8\)"),
        ({"images": IMAGES, "labels": LABELS[:3]}, "4 images need"),
        ({"images": IMAGES, "labels": LABELS / 1}, "labels are float64; give whole numbers"),
        ({"images": IMAGES, "labels": np.eye(2)[LABELS]}, r"shape \(4, 2\).*argmax"),
        ({"images": IMAGES, "labels": LABELS - 1}, "labels begin at -1; they count from 0"),
        (
            {"images": IMAGES, "labels": LABELS - 1, "class_names": ["a", "b"]},
            "label -1 is negative",
        ),
        ({"images": IMAGES, "labels": LABELS + 1}, "labels begin at 1"),
        ({"images": IMAGES, "labels": LABELS * 10**12}, "higher than there are pictures"),
        ({"images": IMAGES, "labels": LABELS * 0}, "1 class only"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "0 class only"),
        ({"images": IMAGES, "labels": LABELS, "class_names": ["a"]}, "do not fit labels up to 1"),
        (
            {"images": IMAGES, "labels": LABELS, "class_names": ["a", "a"]},
            "1 different class_names",
        ),
        ({"images": IMAGES, "labels": LABELS, "class_names": [1, 2]}, "is no list of names"),
        ({"images": IMAGES, "labels": np.array([b"\xff", b"a", b"a", b"a"])}, "no UTF-8"),
        ({"images": IMAGES, "labels": np.array(["a", 1, None, 2], object)}, "Python objects"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :4], "y_test": LABELS},
            "pictures of 4 × 8 and 8 × 8",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(path: Path, arrays: Arrays, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list_arrays(save(path, **arrays))


def npy(shape: tuple[int, ...], body: bytes) -> bytes:
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + body


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy((1 << 20, 1 << 10, 1 << 10), b"x" * 64), "but holds 64 bytes"),
        (npy((-4, -4, 4), b"x" * 64), "but holds 64 bytes"),
        (npy((600 << 20,), bytes(1 << 20)) + bytes(280 << 20), "which no pictures do"),
        (b"no array at all", "no sound NPZ file"),
        (b"", "no sound NPZ file"),
    ],
    ids=["states-a-terabyte", "negative", "unpacks-to-a-thousandfold", "text", "empty"],
)
def test_members_that_would_fill_the_memory_are_not_read(
    path: Path, content: bytes, message: str
) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", content)
        archive.writestr("labels.npy", npy((4,), bytes(4)))
    with pytest.raises(DataError, match=message):
        list_arrays(path)


def test_a_damaged_npz_is_refused_wherever_the_damage_is(path: Path) -> None:
    content = save(path, images=IMAGES, labels=LABELS).read_bytes()
    sound = list_arrays(path).samples.images.tobytes()
    refused = 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            found = list_arrays(path).samples.images.tobytes()
        except DataError:
            refused += 1
        else:
            assert found == sound
    for end in range(0, len(content), 29):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            list_arrays(path)
    assert refused > 50


@pytest.mark.parametrize("beside", ["shapes_labels.npy", "labels.npy"])
def test_an_npy_file_is_mapped_and_its_labels_lie_beside_it(tmp_path: Path, beside: str) -> None:
    np.save(tmp_path / "shapes.npy", IMAGES)
    np.save(tmp_path / beside, LABELS)
    listing = list_arrays(tmp_path / "shapes.npy")
    assert isinstance(listing.samples.images, np.memmap)
    reading = listing.samples.decode(ImageFormat(8, 8, 1))
    assert np.array_equal(reading.images[reading.rows, :, :, 0], IMAGES[[1, 3, 0, 2]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy((1 << 40,), b"x"), "no sound NPY file"),
        (b"\x80\x04K\x01.", "no sound NPY file"),
        (b"", "no sound NPY file"),
    ],
    ids=["cut-off", "pickle", "empty"],
)
def test_a_damaged_npy_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    np.save(tmp_path / "labels.npy", LABELS)
    (tmp_path / "shapes.npy").write_bytes(content)
    with pytest.raises(DataError, match=message):
        list_arrays(tmp_path / "shapes.npy")


def test_an_npy_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", LABELS)
    np.save(tmp_path / "shapes.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="no sound NPY file of numbers or text"):
        list_arrays(tmp_path / "shapes.npy")


def test_an_npy_without_labels_says_where_they_go(tmp_path: Path) -> None:
    np.save(tmp_path / "shapes.npy", IMAGES)
    with pytest.raises(DataError, match=r"put shapes_labels\.npy or labels\.npy beside it"):
        list_arrays(tmp_path / "shapes.npy")


def idx(values: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return head + values.astype(np.uint8).tobytes()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_a_folder_of_idx_files_has_its_parts(tmp_path: Path, dot: str, packed: bool) -> None:
    for part, count in (("train", 4), ("t10k", 2)):
        for name, values in (("images{}idx3", IMAGES[:count]), ("labels{}idx1", LABELS[:count])):
            file = tmp_path / f"{part}-{name.format(dot)}-ubyte{'.gz' * packed}"
            file.write_bytes(gzip.compress(idx(values), mtime=0) if packed else idx(values))
    assert is_idx_folder(tmp_path)
    listing = list_arrays(tmp_path)
    assert listing.name == tmp_path.name
    assert {name: len(part) for name, part in listing.parts.items()} == {"train": 4, "test": 2}
    assert listing.samples.labels.tolist() == [0, 0, 1, 1, 0, 1]
    single = list_arrays(next(tmp_path.glob("t10k-images*")))
    assert single.samples.ids == ("all/00001", "all/00000")


def test_idx_files_without_partners_are_told(tmp_path: Path) -> None:
    assert not is_idx_folder(tmp_path)
    with pytest.raises(DataError, match="holds no train-images-idx3-ubyte"):
        list_arrays(tmp_path)
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(idx(IMAGES))
    with pytest.raises(DataError, match="has no train-labels-idx1-ubyte beside it"):
        list_arrays(tmp_path)
    with pytest.raises(DataError, match="has no train-labels-idx1-ubyte beside it"):
        list_arrays(file)


@pytest.mark.parametrize("name", ["none.npz", "none.npy", "train-images-idx3-ubyte"])
def test_a_missing_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is no file"):
        list_arrays(tmp_path / name)


def test_another_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"is none of \.npz, \.npy"):
        list_arrays(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.npz", True),
        ("a.NPY", True),
        ("x-images-idx3-ubyte.gz", True),
        ("images.idx3-ubyte", True),
        ("a.csv", False),
        ("labels-idx1-ubyte", False),
    ],
)
def test_array_files_are_known_by_name(name: str, expected: bool) -> None:
    assert is_array_file(Path(name)) is expected
