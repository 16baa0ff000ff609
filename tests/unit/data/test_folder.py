from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data import load_data
from convwise.data.files import Folder
from convwise.data.folder import list_folder
from convwise.errors import DataError, OptionError
from convwise.image import ImageFormat

Make = Callable[..., Path]


def test_classes_are_sorted_and_files_follow_class_then_name(make_folder: Make) -> None:
    listing = list_folder(make_folder({"b": 2, "a": 1, "C": 1}))
    assert listing.classes == ("C", "a", "b")
    assert listing.samples.ids == ("C/000.png", "a/000.png", "b/000.png", "b/001.png")
    assert listing.samples.labels.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Validation"])
def test_split_folders_are_used(make_folder: Make, name: str) -> None:
    root = make_folder({"train/a": 2, "train/b": 1, f"{name}/b": 3, "test/a": 1})
    listing = list_folder(root)
    assert list(listing.parts) == ["train", "validation", "test"]
    assert listing.samples.labels[listing.parts["validation"]].tolist() == [1, 1, 1]
    assert listing.samples.ids[-1] == "test/a/000.png"


def test_a_missing_split_is_carved_from_training(make_folder: Make) -> None:
    root = make_folder({"train/a": 10, "train/b": 10, "test/a": 1, "test/b": 1})
    splits = load_data(root, validation=0.2).splits
    assert {name: len(part) for name, part in splits.items()} == {
        "train": 16,
        "validation": 4,
        "test": 2,
    }


def test_pictures_in_inner_folders_belong_to_the_class(make_folder: Make) -> None:
    root = make_folder({"a/x": 1, "a/y/z": 1, "b": 1})
    assert list_folder(root).samples.ids == ("a/x/000.png", "a/y/z/000.png", "b/000.png")


def test_hidden_and_system_files_are_ignored(make_folder: Make) -> None:
    root = make_folder({"a": 1, "b": 1, ".cache": 1, "__MACOSX": 1, "a/.thumbs": 1})
    (root / "a" / ".DS_Store").write_bytes(b"x")
    (root / "a" / "Thumbs.db").write_bytes(b"x")
    listing = list_folder(root)
    assert listing.classes == ("a", "b")
    assert len(listing.samples) == 2
    assert listing.skipped == ()


def test_extensions_count_in_any_case_and_content_decides_without_one(make_folder: Make) -> None:
    root = make_folder({"a": 2, "b": 1})
    (root / "a" / "000.png").rename(root / "a" / "000.PNG")
    (root / "a" / "001.png").rename(root / "a" / "001")
    assert list_folder(root).samples.ids == ("a/000.PNG", "a/001", "b/000.png")


def test_foreign_files_are_listed_with_their_reason(make_folder: Make) -> None:
    root = make_folder({"a": 1, "b": 1})
    (root / "README.txt").write_text("hello")
    (root / "a" / "notes.md").write_text("hello")
    (root / "a" / "photo.HEIC").write_bytes(b"x")
    (root / "loose.png").write_bytes(b"x")
    (root / "b" / "gone.png").symlink_to(root / "nowhere")
    (root / "b" / "link").symlink_to(root / "a", target_is_directory=True)
    os.mkfifo(root / "b" / "pipe.png")
    skipped = {item.path: item.reason for item in list_folder(root).skipped}
    assert skipped == {
        "README.txt": "not an image file",
        "a/notes.md": "not an image file",
        "a/photo.HEIC": "HEIC files are not read; convert it to PNG or JPEG",
        "loose.png": "not in a class folder",
        "b/gone.png": "a broken link",
        "b/link/": "a link to a folder is not followed",
        "b/pipe.png": "not a regular file",
    }


def test_folders_beside_the_splits_are_listed(make_folder: Make) -> None:
    root = make_folder({"train/a": 1, "train/b": 1, "labels": 1})
    assert [(item.path, item.reason) for item in list_folder(root).skipped] == [
        ("labels/", "not one of the split folders")
    ]


def test_a_class_named_test_without_train_is_a_class(make_folder: Make) -> None:
    assert list_folder(make_folder({"test": 1, "other": 1})).classes == ("other", "test")


def test_a_file_name_that_is_no_utf8_gets_a_writable_id(make_folder: Make) -> None:
    root = make_folder({"a": 1, "b": 1})
    try:
        (root / "a" / "000.png").rename(root / "a" / os.fsdecode(b"\xff.png"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert list_folder(root).samples.ids[0] == "a/\\xff.png"
    reading = list_folder(root).samples.decode(ImageFormat(8, 8, 1))
    assert len(reading.rows) == 2
    assert reading.reasons == {}


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "holds no pictures in class folders: found 0 folders without pictures"),
        ({"a": 0, "b": 0}, "found 2 folders without pictures and 0 other files"),
        ({"a": 3}, "holds one class only, 'a'; a classifier needs two"),
        ({"train/a": 1, "train/b": 1, "val/c": 1}, "has a class 'c' that .*train lacks"),
        ({"val/a": 1, "test/b": 1}, "has test/ and val/ but no train/"),
        ({"train/a": 1, "val/a": 1, "valid/a": 1}, "has both val/ and valid/; keep one"),
    ],
)
def test_a_folder_that_cannot_be_learnt_from_says_why(
    make_folder: Make, tmp_path: Path, counts: dict[str, int], message: str
) -> None:
    root = make_folder(counts)
    root.mkdir(exist_ok=True)
    with pytest.raises(DataError, match=message):
        load_data(root)


def test_a_folder_without_pictures_shows_the_layout(make_folder: Make) -> None:
    root = make_folder({"a": 0, "b": 0})
    (root / "a" / "x.txt").write_text("x")
    with pytest.raises(DataError) as caught:
        load_data(root)
    assert "1 other files" in str(caught.value)
    assert "FOLDER/CLASS/picture.png" in str(caught.value)
    assert "FOLDER/{train,validation,test}/CLASS/picture.png" in str(caught.value)


def test_damaged_files_are_skipped_with_reasons_and_nothing_is_changed(
    make_folder: Make, hash_of: Callable[[Path], str]
) -> None:
    root = make_folder({"train/a": 5, "train/b": 5, "val/a": 1, "val/b": 1, "test/b": 2})
    good = (root / "train/a/000.png").read_bytes()
    (root / "train/a/cut.png").write_bytes(good[:-40])
    photo = root / "train/a/cut.jpg"
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(photo)
    photo.write_bytes(photo.read_bytes()[:-400])
    (root / "train/b/empty.png").touch()
    (root / "train/b/words.png").write_text("these are words, not pixels")
    (root / "train/b/README.txt").write_text("words")
    (root / "train/b/denied.png").symlink_to(root / "train")
    before = hash_of(root)
    seen: list[tuple[int, int]] = []
    decoded = load_data(root, image_size=8, channels=1).decode(
        lambda done, total: seen.append((done, total))
    )
    assert hash_of(root) == before
    assert {item.path: item.reason for item in decoded.skipped} == {
        "train/a/cut.png": "the file is cut off",
        "train/a/cut.jpg": "the file is cut off",
        "train/b/empty.png": "the file is empty",
        "train/b/words.png": "not a picture in PNG, JPEG, WEBP, BMP, GIF or TIFF format",
        "train/b/README.txt": "not an image file",
        "train/b/denied.png/": "a link to a folder is not followed",
    }
    store = decoded.stores["train"]
    assert store.ids == tuple(f"train/{c}/{n:03d}.png" for c in "ab" for n in range(5))
    assert store.labels.tolist() == [0] * 5 + [1] * 5
    for name, pixels in zip(store.ids, store.pixels, strict=True):
        assert np.array_equal(np.asarray(Image.open(root / name)), pixels[..., 0])
    assert seen[-1] == (18, 18)
    assert seen == sorted(seen)


def test_a_file_that_may_not_be_read_is_skipped(
    make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({"train/a": 2, "train/b": 2, "val/a": 1, "test/a": 1})
    really_read = Folder.read

    # File permissions would not stop a test that runs as root.
    def refusing(folder: Folder, name: str) -> bytes:
        if name == "train/a/001.png":
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return really_read(folder, name)

    monkeypatch.setattr(Folder, "read", refusing)
    assert [(item.path, item.reason) for item in load_data(root).decode().skipped] == [
        ("train/a/001.png", "cannot be read: Permission denied")
    ]


def test_a_class_without_a_readable_picture_is_an_error(make_folder: Make) -> None:
    root = make_folder({"train/a": 2, "train/b": 1, "val/a": 1, "test/a": 1})
    (root / "train/b/000.png").write_bytes(b"no picture")
    with pytest.raises(
        DataError, match=r"class 'b' has no readable picture .*train/b/000.png: not"
    ):
        load_data(root).decode().require_learnable()


def test_a_split_without_a_readable_picture_is_an_error(make_folder: Make) -> None:
    root = make_folder({"train/a": 2, "train/b": 1, "val/a": 1, "test/a": 1})
    (root / "test/a/000.png").write_bytes(b"")
    with pytest.raises(DataError, match="no picture of the test split can be read"):
        load_data(root).decode().require_learnable()


def test_a_folder_of_unreadable_pictures_is_an_error(make_folder: Make) -> None:
    root = make_folder({"a": 3, "b": 3})
    for path in root.rglob("*.png"):
        path.write_bytes(b"words")
    decoded = load_data(root, test=0.3, validation=0.3).decode()
    assert len(decoded.skipped) == 6
    with pytest.raises(
        DataError, match=r"no picture of the train split .*6 files .* a/000.png: not"
    ):
        decoded.require_learnable()


def test_an_empty_class_folder_is_a_class_without_pictures(make_folder: Make) -> None:
    dataset = load_data(make_folder({"a": 5, "b": 0, "c": 5}))
    assert dataset.classes == ("a", "b", "c")
    with pytest.raises(DataError, match="class 'b' has no readable picture to learn from"):
        dataset.decode().require_learnable()


def test_links_to_class_folders_are_followed_but_not_back_up(make_folder: Make) -> None:
    root = make_folder({"train/a": 1, "train/b": 1, "elsewhere/c": 1})
    (root / "train" / "c").symlink_to(root / "elsewhere" / "c", target_is_directory=True)
    (root / "train" / "up").symlink_to(root, target_is_directory=True)
    (root / "here").symlink_to(root, target_is_directory=True)
    (root / "loop").symlink_to(root / "loop")
    listing = list_folder(root)
    assert listing.classes == ("a", "b", "c")
    assert {item.path: item.reason for item in listing.skipped} == {
        "elsewhere/": "not one of the split folders",
        "here/": "a link to a folder that contains it is not followed",
        "loop": "a broken link",
        "train/up/": "a link to a folder that contains it is not followed",
    }


def test_nested_folders_can_be_classes_of_their_own(make_folder: Make) -> None:
    root = make_folder({"cat": 1, "cat/persian": 2, "cat/siamese": 1, "dog": 2, "bird/x/y": 1})
    listing = list_folder(root, nested=True)
    assert listing.classes == ("bird/x/y", "cat", "cat/persian", "cat/siamese", "dog")
    assert np.bincount(listing.samples.labels).tolist() == [1, 1, 2, 1, 2]
    assert list_folder(root).classes == ("bird", "cat", "dog")


def test_nested_classes_are_matched_by_name_across_splits(make_folder: Make) -> None:
    root = make_folder({"train/a/x": 2, "train/a/y": 2, "train/b": 2, "test/a/y": 1})
    listing = list_folder(root, nested=True)
    assert listing.classes == ("a/x", "a/y", "b")
    assert listing.samples.labels[listing.parts["test"]].tolist() == [1]


@pytest.mark.parametrize("name", ["fashion-mini", "table.csv"])
def test_only_folders_have_nested_classes(make_folder: Make, name: str) -> None:
    root = make_folder({"a": 2, "b": 2})
    (root / "table.csv").write_text("path,label\na/000.png,a\nb/000.png,b\n")
    source = str(root / name) if name.endswith("csv") else name
    with pytest.raises(OptionError, match="only folders and archives have classes in classes"):
        load_data(source, nested=True)
