from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data import load_data
from convwise.data.arrays import ArraySamples
from convwise.data.audit.audit import audit
from convwise.data.audit.findings import Pictures
from convwise.data.audit.near_duplicates import near_pairs
from convwise.data.dataset import Dataset, Decoded
from convwise.data.listing import consecutive
from convwise.image import ImageFormat


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of smooth colour pictures, with split folders."""
    generator = np.random.default_rng(3)
    for split, count in (("train", 12), ("val", 4), ("test", 4)):
        for name in ("cat", "dog"):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                small = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
                Image.fromarray(small).resize((24, 24)).save(folder / f"{number:02d}.png")
    return tmp_path / "photos"


def of_arrays(images: np.ndarray, sizes: dict[str, int]) -> Decoded:
    samples = ArraySamples.of(images, np.zeros(len(images), np.int64), "x")
    image_format = ImageFormat(*images.shape[1:3], 1)
    return Dataset("x", "x", ("a",), image_format, samples, consecutive(sizes)).decode()


def test_a_clean_folder_has_no_findings(photos: Path) -> None:
    found = audit(load_data(photos).decode())
    assert found.to_json() | {"source": ""} == {
        "source": "",
        "images": 40,
        "classes": {"cat": 20, "dog": 20},
        "splits": {
            "train": {"cat": 12, "dog": 12},
            "validation": {"cat": 4, "dog": 4},
            "test": {"cat": 4, "dog": 4},
        },
        "image_format": [24, 24, 3],
        "skipped": [],
        "oddities": {},
        "duplicates": [],
        "leaks": [],
        "near_duplicates": [],
        "conflicts": [],
        "warnings": [],
        "carved": [],
        "moved": [],
    }


def test_copies_are_duplicates_leaks_and_conflicts_as_they_stand(photos: Path) -> None:
    shutil.copy(photos / "train/cat/00.png", photos / "train/cat/again.png")
    shutil.copy(photos / "train/cat/01.png", photos / "test/cat/again.png")
    Image.open(photos / "train/dog/02.png").save(photos / "val/cat/other.bmp")
    found = audit(load_data(photos).decode())
    assert [each.to_dict()["paths"] for each in found.duplicates] == [
        ["train/cat/00.png", "train/cat/again.png"],
        ["train/cat/01.png", "test/cat/again.png"],
        ["train/dog/02.png", "val/cat/other.bmp"],
    ]
    assert [each.to_dict()["splits"] for each in found.leaks] == [
        ["train", "test"],
        ["train", "validation"],
    ]
    assert [each.to_dict()["labels"] for each in found.conflicts] == [["dog", "cat"]]
    assert found.near_duplicates == ()


def test_pictures_equal_only_after_resizing_are_no_exact_duplicates(photos: Path) -> None:
    sharp = np.zeros((48, 48), np.uint8)
    sharp[::2, ::2] = sharp[1::2, 1::2] = 200
    Image.fromarray(sharp).save(photos / "train/cat/board.png")
    Image.fromarray(sharp[::-1]).save(photos / "test/cat/flipped.png")
    found = audit(load_data(photos, image_size=8).decode())
    assert found.duplicates == ()
    pairs = {(each.a.path, each.b.path): each for each in found.near_duplicates or ()}
    near = pairs["train/cat/board.png", "test/cat/flipped.png"]
    assert (near.distance, near.crosses_split) == (0.0, True)


def test_every_pair_below_the_limit_is_found_and_no_other() -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (300, 12, 12), dtype=np.uint8)
    for place in range(0, 100, 2):
        noise = generator.normal(0, generator.uniform(1, 9), (12, 12))
        images[place + 1] = np.clip(images[place] + noise, 0, 255).round()
    decoded = of_arrays(images, {"train": 200, "validation": 50, "test": 50})
    pairs = near_pairs(Pictures(decoded), np.arange(300))
    values = images.reshape(300, -1).astype(np.float64)
    squares = ((values[:, None] - values[None]) ** 2).mean(axis=2)
    first, second = np.nonzero(np.triu(squares < 25.0, k=1))
    expected = set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(expected) > 10
    assert set(map(tuple, pairs.rows.tolist())) == expected
    assert pairs.distances == pytest.approx(np.sqrt(squares[tuple(pairs.rows.T)]))


def test_oddities_and_small_classes_are_told(photos: Path) -> None:
    Image.new("RGB", (200, 20), "red").save(photos / "train/cat/banner.png")
    Image.new("RGB", (24, 24), "blue").save(photos / "train/cat/flat.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.open(photos / "train/cat/03.png").save(photos / "train/cat/turned.jpg", exif=turned)
    (photos / "train" / "eel").mkdir()
    (photos / "train" / "eel" / "README.txt").write_text("none yet")
    found = audit(load_data(photos).decode())
    oddities = found.to_json()["oddities"]
    assert oddities["odd_aspect"] == ["train/cat/banner.png"]
    assert oddities["constant"] == ["train/cat/banner.png", "train/cat/flat.png"]
    assert oddities["rotated"] == ["train/cat/turned.jpg"]
    assert found.classes["eel"] == 0
    assert any("eel" in warning for warning in found.warnings)


def write_idx(path: Path, values: np.ndarray) -> None:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(head + values.tobytes(), 1, mtime=0))


def test_pairs_planted_in_a_copy_of_fashion_mini_are_all_found(tmp_path: Path) -> None:
    original = load_data("fashion-mini").samples
    assert isinstance(original, ArraySamples)
    images = original.images[original.rows].copy()
    train, test = images[:10_000], images[10_000:]
    test[:10] = train[100:110]
    train[500:520] = train[200:220]
    test[50] = test[51]
    labels = original.labels.astype(np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", train)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", labels[:10_000])
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", test)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", labels[10_000:])
    found = audit(load_data(tmp_path).decode(), near=False)
    before = audit(load_data("fashion-mini").decode(), near=False)
    assert before.duplicates == ()
    crossing = [each for each in found.duplicates if {p.split for p in each.pictures} != {"test"}]
    assert len(found.duplicates) == 31
    assert sum("test" in {p.split for p in each.pictures} for each in crossing) == 10
