from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from convwise.data.archive import is_archive, list_archive
from convwise.data.dataset import Dataset
from convwise.data.folder import list_folder
from convwise.data.listing import Listing
from convwise.data.split import stratified_split
from convwise.image import ImageFormat

Make = Callable[..., Path]
KINDS = {"zip": ".zip", "tar": ".tar", "gztar": ".tar.gz", "bztar": ".tar.bz2", "xztar": ".tar.xz"}


def pack(root: Path, kind: str, inside: str = ".") -> Path:
    return Path(shutil.make_archive(str(root.parent / "packed"), kind, root, inside))


def fingerprint(listing: Listing) -> str:
    kept, test = stratified_split(listing.samples.labels, 0.3, 0)
    half = len(kept) // 2
    splits = {"train": kept[:half], "validation": kept[half:], "test": test}
    form = ImageFormat(8, 8, 1)
    dataset = Dataset("x", "x", listing.classes, form, listing.samples, splits)
    return dataset.decode().fingerprint


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_gives_the_same_pixels_as_its_folder(
    make_folder: Make, hash_of: Callable[[Path], str], kind: str
) -> None:
    root = make_folder({"cat": 40, "dog/young": 7, "empty": 0, "ant": 20})
    (root / "cat" / "notes.txt").write_text("words")
    archive = pack(root, kind)
    before = hash_of(root.parent)
    ours, theirs = list_archive(archive), list_folder(root)
    assert ours.classes == theirs.classes == ("ant", "cat", "dog", "empty")
    assert ours.samples.ids == theirs.samples.ids
    assert ours.skipped == theirs.skipped
    assert ours.name == "packed"
    assert fingerprint(ours) == fingerprint(theirs)
    assert hash_of(root.parent) == before


@pytest.mark.parametrize("kind", KINDS)
def test_splits_in_an_archive_are_used(make_folder: Make, kind: str) -> None:
    root = make_folder({"train/a": 2, "train/b": 2, "val/a": 1, "test/b": 3})
    parts = list_archive(pack(root, kind)).parts
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 4,
        "validation": 1,
        "test": 3,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_wraps_everything_is_entered(make_folder: Make, kind: str) -> None:
    root = make_folder({"photos/cat": 2, "photos/dog": 2})
    (root / "README.txt").write_text("words")
    listing = list_archive(pack(root, kind))
    assert listing.classes == list_folder(root).classes == ("cat", "dog")
    assert listing.samples.ids[0] == "photos/cat/000.png"


@pytest.mark.parametrize("kind", KINDS)
def test_one_picture_is_read_by_its_name(make_folder: Make, kind: str) -> None:
    root = make_folder({"a": 3, "b": 3})
    samples = list_archive(pack(root, kind)).samples
    assert samples.whole_digest(4) == list_folder(root).samples.whole_digest(4)
    assert (samples.header(4).width, samples.header(4).grey) == (8, True)


def test_a_zip_is_read_by_many_threads_at_once(make_folder: Make) -> None:
    root = make_folder({"a": 60, "b": 60}, size=(40, 40))
    listing = list_archive(pack(root, "zip"))
    origin = listing.samples.origin  # type: ignore[attr-defined]
    wrong: list[str] = []

    def read_all() -> None:
        for name in listing.samples.ids:
            if origin.read(name) != (root / name).read_bytes():
                wrong.append(name)

    threads = [threading.Thread(target=read_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_compressed_tar_waits_while_too_much_is_unread(
    make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convwise.data import tar_archive

    root = make_folder({"a": 100, "b": 100})
    size = (root / "a/000.png").stat().st_size
    monkeypatch.setattr(tar_archive, "_MOST_WAITING_BYTES", 40 * size)
    assert fingerprint(list_archive(pack(root, "gztar"))) == fingerprint(list_folder(root))


def test_a_large_file_in_a_compressed_tar_is_read_when_its_turn_comes(
    make_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convwise.data import tar_archive

    root = make_folder({"a": 5, "b": 5})
    monkeypatch.setattr(tar_archive, "_LARGEST_WAITING", 1)
    assert fingerprint(list_archive(pack(root, "xztar"))) == fingerprint(list_folder(root))


def test_a_compressed_tar_is_known_by_its_content(make_folder: Make) -> None:
    root = make_folder({"a": 2, "b": 2})
    archive = pack(root, "gztar").rename(root.parent / "photos.tar")
    assert len(list_archive(archive).samples) == 4


def test_a_damaged_picture_in_an_archive_is_told_by_its_reason(make_folder: Make) -> None:
    root = make_folder({"a": 2, "b": 2})
    (root / "a/000.png").write_bytes((root / "a/000.png").read_bytes()[:-30])
    Image.new("L", (8, 8)).save(root / "b/new.png")
    for kind in KINDS:
        reading = list_archive(pack(root, kind)).samples.decode(ImageFormat(8, 8, 1))
        assert reading.reasons == {0: "the file is cut off"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.zip", True), ("a.tgz", True), ("a.TAR.XZ", True), ("a.gz", False), ("zip", False)],
)
def test_archives_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_archive(Path(name)) is expected
