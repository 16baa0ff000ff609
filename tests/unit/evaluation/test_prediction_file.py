from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from convwise.errors import MissingExtraError, OptionError
from convwise.evaluation.files import FilePrediction
from convwise.evaluation.prediction_file import prediction_file, require_writable

CLASSES = ("cat, small", "dog")
PREDICTIONS = [
    FilePrediction(Path("a.png"), CLASSES, np.array([0.75, 0.25], np.float32)),
    FilePrediction(Path("b\udcff.png"), CLASSES, error="the file is cut off"),
    FilePrediction(Path("c.png"), CLASSES, np.array([0.125, 0.875], np.float32)),
]


def written(out: Path, times: int = 1) -> Path:
    require_writable(out)
    with prediction_file(out, CLASSES) as rows:
        for each in PREDICTIONS * times:
            rows.add(each)
    assert [each.name for each in out.parent.iterdir()] == [out.name]
    return out


def test_csv_has_a_column_for_each_class(tmp_path: Path) -> None:
    with written(tmp_path / "p.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == ["cat, small", "", "dog"]
    assert (rows[2]["p:cat, small"], rows[2]["p:dog"]) == ("0.125", "0.875")
    assert rows[1]["error"] == "the file is cut off"


def test_json_lines_are_those_of_the_command(tmp_path: Path) -> None:
    lines = written(tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [each.to_dict() for each in PREDICTIONS]


def test_parquet_holds_all_rows_and_names_the_classes(tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(written(tmp_path / "p.parquet", times=200))
    assert json.loads(table.schema.metadata[b"classes"]) == list(CLASSES)
    assert table.num_rows == 600
    first = table.slice(0, 3).to_pylist()
    assert [row["label"] for row in first] == ["cat, small", None, "dog"]
    assert first[2]["probabilities"] == [0.125, 0.875]
    assert first[1]["probabilities"] is None


def test_nothing_is_overwritten_and_nothing_left_behind(tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    damaged = FilePrediction(Path("d.png"), CLASSES, np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="zip"), prediction_file(out, CLASSES) as rows:
        rows.add(damaged)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OptionError, match="made meanwhile"), prediction_file(out, CLASSES):
        out.write_text("mine")
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("p.txt", "its ending tells the format"),
        ("none/p.csv", "does not exist; make it first"),
        ("there.csv", "exists; files are never overwritten"),
    ],
)
def test_a_file_that_cannot_be_is_refused_before_the_work(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "there.csv").touch()
    with pytest.raises(OptionError, match=message):
        require_writable(tmp_path / name)


def test_a_missing_pyarrow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convwise\[hub\]'"):
        require_writable(tmp_path / "p.parquet")
