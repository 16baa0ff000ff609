from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.cli.main import run
from convwise.data import load_data


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    generator = np.random.default_rng(1)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(30):
            pixels = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"photos/{name}/{number:02d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "photos"


def test_a_clean_folder_leads_on_to_training(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "photos"]) == 0
    out = capsys.readouterr().out
    assert "2 classes" in out
    assert "nothing to mend; next: convwise train photos" in out


def test_the_json_has_the_fixed_keys_and_names_each_offender(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(photos / "cat/00.png", photos / "dog/copy.png")
    (photos / "cat" / "cut.png").write_bytes((photos / "cat/01.png").read_bytes()[:300])
    assert run(["audit", "photos", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 61
    assert found["classes"] == {"cat": 30, "dog": 31}
    assert [(each["path"], each["reason"]) for each in found["skipped"]] == [
        ("cat/cut.png", "the file is cut off")
    ]
    assert found["conflicts"][0]["paths"] == ["cat/00.png", "dog/copy.png"]
    assert found["near_duplicates"] == []


def test_the_clean_table_leaves_offenders_out_and_is_read_back(photos: Path) -> None:
    shutil.copy(photos / "cat/00.png", photos / "dog/copy.png")
    shutil.copy(photos / "cat/02.png", photos / "cat/twice.png")
    (photos / "cat" / "cut.png").write_bytes(b"")
    strange = os.fsdecode(b"line\nbreak \xff.png")
    (photos / "dog" / "05.png").rename(photos / "dog" / strange)
    assert run(["audit", "photos", "--write-table", "clean.csv"]) == 0
    with Path("clean.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    paths = {row["path"] for row in rows}
    assert len(rows) == 59
    assert not paths & {"photos/cat/00.png", "photos/dog/copy.png", "photos/cat/cut.png"}
    assert len(paths & {"photos/cat/02.png", "photos/cat/twice.png"}) == 1
    decoded = load_data("clean.csv").decode()
    assert decoded.skipped == ()
    assert sum(map(len, decoded.stores.values())) == 59


def test_the_page_is_written_once_and_never_over_another(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "photos", "--html", "audit.html"]) == 0
    page = Path("audit.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert run(["audit", "photos", "--html", "audit.html"]) == 2
    assert "audit.html exists; files are never overwritten" in capsys.readouterr().err
    assert Path("audit.html").read_text(encoding="utf-8") == page


def test_a_table_of_arrays_is_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["audit", "fashion-mini", "--no-near", "--write-table", "clean.csv"]) == 2
    assert capsys.readouterr().err.startswith("convwise: ")
    assert not Path("clean.csv").exists()


def test_large_pictures_are_skipped_as_asked(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 40)).save(photos / "cat/large.png")
    assert run(["audit", "photos", "--json", "--max-pixels", "300"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["skipped"][0]["reason"] == "40 × 40 pixels are more than the 300 that are allowed"


def test_the_augmentation_is_drawn_as_the_settings_say(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = photos.parent / "grid.png"
    command = ["audit", str(photos), "--show-augmentation", str(grid), "--set", "rotate=20"]
    assert run([*command, "--set", "mixup=0.4"]) == 0
    told = capsys.readouterr().err
    assert "(shift 1, flip, alternating_flip, rotate 20, mixup 0.4)" in told
    with Image.open(grid) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200
    assert run(command) == 2
    assert "files are never overwritten" in capsys.readouterr().err


def test_a_setting_that_is_none_is_refused_before_anything_is_read(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", str(photos), "--set", "rotat=20"]) == 2
    assert "did you mean rotate" in capsys.readouterr().err
