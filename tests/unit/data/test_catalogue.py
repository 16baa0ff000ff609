from __future__ import annotations

import gzip
import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.data import catalogue, download
from convwise.data.catalogue import FASHION_MNIST, Entry, IdxFile, read_named
from convwise.data.load import load_data
from convwise.errors import DataError

LABELS = np.array([0, 1, 1, 0], np.uint8)


def idx(values: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return head + values.tobytes()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


CONTENTS = {
    "x": idx(np.arange(4, dtype=np.uint8).reshape(4, 1, 1)),
    "y": idx(LABELS),
    "tx": idx(np.full((4, 1, 1), 9, np.uint8)),
    "ty": idx(LABELS[::-1]),
}


def file(name: str) -> IdxFile:
    content = CONTENTS[name]
    md5 = hashlib.md5(packed(content)).hexdigest()
    return IdxFile(name, hashlib.sha256(content).hexdigest(), md5)


TOY = Entry(
    name="toy",
    title="four pixels",
    classes=("a", "b"),
    splits={"train": (file("x"), file("y")), "test": (file("tx"), file("ty"))},
    url="http://example.invalid/",
    package="dataset-toy",
)


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(catalogue, "SYSTEM_FOLDER", tmp_path / "system")


def put(folder: Path, *, zipped: bool = True, change: str | None = None) -> None:
    folder.mkdir(parents=True)
    for name, content in CONTENTS.items():
        if name == change:
            content = content[:-1] + b"\x01"
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(packed(content) if zipped else content)


@pytest.mark.parametrize("place", ["given", "given/toy", "cache/convwise/toy", "system/toy"])
@pytest.mark.parametrize("zipped", [True, False])
def test_each_place_is_looked_in(tmp_path: Path, place: str, zipped: bool) -> None:
    put(tmp_path / place, zipped=zipped)
    listing = read_named(TOY, data_dir=tmp_path / "given")
    names = ("train/00000", "train/00003", "train/00001", "train/00002")
    assert listing.samples.ids[:4] == names
    assert listing.samples.labels[listing.parts["test"]].tolist() == [0, 0, 1, 1]


def test_the_first_place_wins_and_half_a_place_does_not_count(tmp_path: Path) -> None:
    put(tmp_path / "given")
    put(tmp_path / "cache/convwise/toy", change="x")
    put(tmp_path / "system/toy")
    read_named(TOY, data_dir=tmp_path / "given")
    (tmp_path / "given/y.gz").unlink()
    with pytest.raises(DataError, match=r"cache/convwise/toy/x\.gz is not the published file"):
        read_named(TOY, data_dir=tmp_path / "given")


def test_a_relative_cache_variable_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalogue.cache_folder() == tmp_path / ".cache/convwise"


def test_missing_files_name_every_way_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist", data_dir=tmp_path)
    for way in (
        "`apt install dataset-fashion-mnist`",
        "`--data-dir DIR`",
        "`--download`",
        "fashion-mini, which needs nothing",
        str(tmp_path / "fashion-mnist"),
    ):
        assert way in str(caught.value)


def test_foreign_files_under_the_published_names_are_refused(tmp_path: Path) -> None:
    for entry_file in FASHION_MNIST.files:
        shape = (3, 28, 28) if "images" in entry_file.name else (3,)
        (tmp_path / entry_file.name).write_bytes(idx(np.zeros(shape, np.uint8)))
    with pytest.raises(DataError, match="train-images-idx3-ubyte is not the published file"):
        load_data("fashion-mnist", data_dir=tmp_path)


def serve(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Any]) -> list[str]:
    asked: list[str] = []

    def opened(url: str, timeout: float) -> Any:
        assert timeout > 0
        asked.append(url)
        return answer(url.rsplit("/", 1)[1])

    monkeypatch.setattr(download, "urlopen", opened)
    return asked


def honest(name: str) -> io.BytesIO:
    return io.BytesIO(packed(CONTENTS[name.removesuffix(".gz")]))


def test_nothing_is_fetched_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(monkeypatch, honest)
    with pytest.raises(DataError):
        read_named(TOY)
    assert asked == []


def test_download_fills_the_cache_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = serve(monkeypatch, honest)
    for _ in range(2):
        assert len(read_named(TOY, download=True).parts["train"]) == 4
    assert asked == [f"http://example.invalid/{name}.gz" for name in CONTENTS]
    cached = tmp_path / "cache/convwise/toy"
    assert sorted(path.name for path in cached.iterdir()) == ["tx.gz", "ty.gz", "x.gz", "y.gz"]


def test_files_that_are_there_are_not_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(tmp_path / "system/toy")
    asked = serve(monkeypatch, honest)
    read_named(TOY, download=True)
    assert asked == []


def test_a_wrong_sum_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(monkeypatch, lambda name: io.BytesIO(b"something else"))
    with pytest.raises(DataError, match=r"x\.gz arrived damaged: its MD5 is"):
        read_named(TOY, download=True)
    assert list((tmp_path / "cache/convwise/toy").iterdir()) == []


def test_a_broken_connection_leaves_nothing_behind_and_can_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(name: str) -> io.BytesIO:
        if name == "tx.gz":
            raise TimeoutError("timed out")
        return honest(name)

    serve(monkeypatch, broken)
    with pytest.raises(DataError, match=r"tx\.gz cannot be fetched: timed out; .*--data-dir"):
        read_named(TOY, download=True)
    cached = tmp_path / "cache/convwise/toy"
    assert sorted(path.name for path in cached.iterdir()) == ["x.gz", "y.gz"]
    asked = serve(monkeypatch, honest)
    read_named(TOY, download=True)
    assert len(asked) == 2


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(download, "_MAX_BYTES", 10)
    serve(monkeypatch, honest)
    with pytest.raises(DataError, match="sends more than"):
        read_named(TOY, download=True)
    assert list((tmp_path / "cache/convwise/toy").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_a_data_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    serve(monkeypatch, honest)
    with pytest.raises(DataError, match="cannot be written to"):
        read_named(TOY, download=True)


def test_the_embedded_files_come_with_their_licence() -> None:
    text = (catalogue.EMBEDDED_FOLDER / "LICENSE-fashion-mnist").read_text()
    assert "Copyright (c) 2017 Zalando SE, https://tech.zalando.com" in text
    assert "WITHOUT WARRANTY OF ANY KIND" in text
