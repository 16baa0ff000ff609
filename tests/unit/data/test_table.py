from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data.table import list_table
from convwise.errors import DataError, MissingExtraError
from convwise.image import ImageFormat

parquet = pytest.importorskip("pyarrow.parquet")
import pyarrow  # noqa: E402

Write = Callable[..., Path]


def picture(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), level, np.uint8)).save(path, "PNG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(["a.png", "b.png", "c.png", "d.png", "in/e.png"]):
        picture(tmp_path / name, 10 * number)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    def make(text: str, name: str = "table.csv") -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return make


def test_pictures_stand_by_class_then_path_and_decode_to_their_own_pixels(write: Write) -> None:
    listing = list_table(write("path,label\nd.png,owl\nb.png,owl\nin/e.png,bat\na.png,owl\n"))
    assert listing.name == "table"
    assert listing.classes == ("bat", "owl")
    assert listing.samples.ids == ("in/e.png", "a.png", "b.png", "d.png")
    assert listing.samples.labels.tolist() == [0, 1, 1, 1]
    assert {name: part.tolist() for name, part in listing.parts.items()} == {"all": [0, 1, 2, 3]}
    reading = listing.samples.decode(ImageFormat(4, 4, 1))
    assert reading.images[:, 0, 0, 0].tolist() == [40, 0, 10, 30]
    assert reading.reasons == {}
    assert listing.groups is None


def test_any_file_name_survives_a_table(tmp_path: Path) -> None:
    names = [
        "new\nline.png",
        os.fsdecode(b"caf\xe9.png"),
        'quo"te, comma.png',
        " blank .png",
        "é.png",
    ]
    for number, name in enumerate(names):
        picture(tmp_path / name, 50 * number)
    path = tmp_path / "table.csv"
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = [["path", "label"], *([name, f"c{at}"] for at, name in enumerate(names))]
        csv.writer(file).writerows(rows)
    listing = list_table(path)
    reading = listing.samples.decode(ImageFormat(4, 4, 1))
    assert reading.reasons == {}
    assert reading.images[:, 0, 0, 0].tolist() == [0, 50, 100, 150, 200]
    assert listing.samples.ids[1] == r"caf\xe9.png"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"\xef\xbb\xbfpath,label\r\na.png,x\r\nb.png,y\r\n"),
        ("t.csv", b"Label, FILE \nx,a.png\n\ny,b.png\n"),
        ("t.csv", b"id,filename,class\n1,a.png,x\n2,b.png, y \n"),
        ("t.TSV", b"image\tlabel\na.png\tx\nb.png\ty\n"),
    ],
    ids=["byte-order-mark", "any-case-and-empty-lines", "other-names", "tabs"],
)
def test_columns_are_found_by_name(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    listing = list_table(folder / name)
    assert listing.classes == ("x", "y")
    assert listing.samples.ids == ("a.png", "b.png")


def test_splits_of_the_table_are_used_under_any_of_their_names(write: Write) -> None:
    rows = "a.png,x,Train\nb.png,y,val\nc.png,x,valid\nd.png,y,train\nin/e.png,y,validation\n"
    listing = list_table(write("path,label,split\n" + rows))
    assert {name: part.tolist() for name, part in listing.parts.items()} == {
        "train": [0, 1],
        "validation": [2, 3, 4],
    }
    assert listing.samples.ids == ("a.png", "d.png", "c.png", "b.png", "in/e.png")


def test_groups_are_numbered_in_the_order_of_the_pictures(write: Write) -> None:
    rows = "d.png,y,p2\na.png,x,p9\nb.png,y,p1\nc.png,x,p2\n"
    listing = list_table(write("path,label,Patient\n" + rows), group="patient")
    assert listing.samples.ids == ("a.png", "c.png", "b.png", "d.png")
    assert listing.groups is not None
    assert listing.groups.dtype == np.int64
    assert listing.groups.tolist() == [2, 1, 0, 1]


def test_absolute_paths_are_taken_as_they_are(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tmp_path_factory.mktemp("elsewhere") / "t.csv"
    table.write_text(f"path,label\n{folder}/a.png,x\n{folder}/b.png,y\n")
    reading = list_table(table).samples.decode(ImageFormat(4, 4, 1))
    assert reading.images[:, 0, 0, 0].tolist() == [0, 10]


def test_files_that_cannot_be_opened_are_told_and_their_class_keeps_its_index(
    write: Write, folder: Path
) -> None:
    os.mkfifo(folder / "pipe.png")
    long = "n" * 300
    rows = f"b.png,x\ngone.png,a\na.png/b.png,x\npipe.png,x\nin,x\n{long},x\nc.png,z\n"
    listing = list_table(write("path,label\n" + rows))
    assert listing.classes == ("a", "x", "z")
    assert listing.samples.labels.tolist() == [1, 2]
    assert [(each.path, each.reason) for each in listing.skipped] == [
        ("a.png/b.png", "the file does not exist"),
        ("gone.png", "the file does not exist"),
        ("in", "not a regular file"),
        (long, "cannot be read: File name too long"),
        ("pipe.png", "not a regular file"),
    ]
    assert all(each.damaged for each in listing.skipped)


def test_a_row_said_twice_counts_once(write: Write) -> None:
    listing = list_table(write("path,label\na.png,x\nb.png,y\na.png,x\n"))
    assert listing.samples.ids == ("a.png", "b.png")
    assert [(each.path, each.reason, each.damaged) for each in listing.skipped] == [
        ("a.png", "listed twice", False)
    ]


@pytest.mark.parametrize(
    "rows", ["a.png,x,train\na.png,y,train\n", "a.png,x,train\na.png,x,test\nb.png,y,train\n"]
)
def test_a_conflict_and_a_leak_are_left_for_the_audit_to_find(write: Write, rows: str) -> None:
    listing = list_table(write("path,label,split\n" + rows))
    assert listing.samples.ids.count("a.png") == 2
    assert listing.skipped == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no path column; its columns are none"),
        ("path,label\n", "has no rows"),
        ("path;label\na.png;x\n", "no path column; its columns are 'path;label'"),
        ("path,kind\na.png,x\n", "no label column; its columns are 'path', 'kind'"),
        ("path,label,label\na.png,x,y\n", "two columns 'label'"),
        ("path,label\na.png,x\n\nb.png,\n", "line 4 has no label"),
        ('path,label\n"a\nb.png",x\n ,y\n', "line 4 has no path"),
        ("path,label\na.png,x\nb.png\n", "line 3 has no label"),
        ("path,label\na.png,x,train\n", "line 2 has 3 values for 2 columns"),
        ("path,label,split\na.png,x,train\nb.png,y,\n", "line 3 has no split"),
        ("path,label,split\na.png,x,holdout\n", "line 2 has the split 'holdout'"),
        ("path,label,split\na.png,x,test\nb.png,y,test\n", "no row of the split train"),
        ("path,label\na.png,x\nb.png,x\n", "one label only, 'x'"),
        ("path,label\nno.png,x\nneither.png,y\n", "none of its 2 files can be found.*'no.png'"),
        ('path,label\n"a.png,x\n', "cannot be read as a table"),
    ],
)
def test_faulty_tables_are_refused_by_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list_table(write(text))


@pytest.mark.parametrize(
    ("group", "message"),
    [("patiant", "no column 'patiant' to group by — did you mean patient"), ("split", "cannot be")],
)
def test_a_group_has_to_be_a_column_of_its_own(write: Write, group: str, message: str) -> None:
    path = write("path,label,patient,split\na.png,x,p,train\nb.png,y,q,train\n")
    with pytest.raises(DataError, match=message):
        list_table(path, group=group)


def test_a_picture_without_its_group_is_refused(write: Write) -> None:
    path = write("path,label,patient\na.png,x,p\nb.png,y,\n")
    with pytest.raises(DataError, match="line 3 has no group"):
        list_table(path, group="patient")


@pytest.mark.parametrize("name", ["none.csv", "in"])
def test_what_is_no_file_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match="is no file"):
        list_table(folder / name)


def test_a_parquet_table_gives_the_same_listing(write: Write, folder: Path) -> None:
    text = "path,label,split,patient\nb.png,1,train,7\na.png,0,test,8\nc.png,0,train,7\n"
    expected = list_table(write(text), group="patient")
    columns = {
        "path": ["b.png", "a.png", "c.png"],
        "unused": [[1], [2, 3], None],
        "label": pyarrow.array([1.0, 0.0, 0.0]),
        "split": pyarrow.array(["train", "test", "train"]).dictionary_encode(),
        "patient": [7, 8, 7],
    }
    parquet.write_table(pyarrow.table(columns), folder / "table.parquet")
    listing = list_table(folder / "table.parquet", group="patient")
    assert listing.classes == expected.classes == ("0", "1")
    assert listing.samples.ids == expected.samples.ids
    assert listing.samples.labels.tolist() == expected.samples.labels.tolist()
    assert listing.groups is not None
    assert expected.groups is not None
    assert listing.groups.tolist() == expected.groups.tolist()
    assert {name: part.tolist() for name, part in listing.parts.items()} == {
        name: part.tolist() for name, part in expected.parts.items()
    }


def test_a_parquet_file_name_may_be_bytes(folder: Path) -> None:
    picture(folder / os.fsdecode(b"\xff.png"), 7)
    columns = {"path": pyarrow.array([b"\xff.png", b"a.png"]), "label": ["x", "y"]}
    parquet.write_table(pyarrow.table(columns), folder / "t.parquet")
    reading = list_table(folder / "t.parquet").samples.decode(ImageFormat(4, 4, 1))
    assert reading.images[:, 0, 0, 0].tolist() == [7, 0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a.png", "b.png"], "label": ["x", None]}, "row 2 has no label"),
        ({"path": ["a.png", "b.png"], "label": [1.0, float("nan")]}, "row 2 has no label"),
        ({"other": ["a.png"]}, "no path column; its columns are 'other'"),
        ({"image": [{"bytes": b"x"}], "label": [1]}, "holds the pictures themselves"),
    ],
    ids=["null", "nan", "columns", "pictures"],
)
def test_faulty_parquet_tables_are_refused(
    folder: Path, columns: dict[str, list[object]], message: str
) -> None:
    parquet.write_table(pyarrow.table(columns), folder / "t.parquet")
    with pytest.raises(DataError, match=message):
        list_table(folder / "t.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 no table PAR1", b"path,label\na.png,x"])
def test_what_is_no_parquet_is_refused(folder: Path, content: bytes) -> None:
    (folder / "t.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a Parquet table"):
        list_table(folder / "t.parquet")


def test_a_missing_pyarrow_is_told_with_its_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "t.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"convwise\[hub\]"):
        list_table(folder / "t.parquet")
