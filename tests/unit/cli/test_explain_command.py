"""``convwise explain`` in this process, on models that were made by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.cli.main import run
from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel

CONVOLUTIONAL = "conv 4 3 same norm relu | maxpool 2 | flatten | dense 6 relu | dense classes"
HOSTILE = "<img src=x onerror=alert(1)>.png"


def write_model(folder: Path, text: str, image: str = "10x12x1") -> Path:
    image_format = ImageFormat.parse(image)
    network = build(plan(text, image_format, 2), seed=2).eval()
    path = folder / "model.safetensors"
    path.write_bytes(model_bytes(TrainedModel(network, image_format, ("cat", "dog"))))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path, CONVOLUTIONAL)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 256, (10, 12), dtype=np.uint8)
            file = f"{number}.png" if number else HOSTILE
            Image.fromarray(pixels).save(tmp_path / "photos" / name / file)
    (tmp_path / "photos" / "cat" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def explained(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert run(["explain", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_data_set_gives_page_pictures_and_table(capsys, model, photos, tmp_path):
    given = ("--split", "all", "--no-cache", "--to", "out", "--write-labels", "fixes.csv")
    found = explained(capsys, model, photos, *given)
    data = found["data"]
    assert (data["images"], data["skipped"], data["split"]) == (16, 1, "all")
    assert len(data["surest_mistakes"]) == data["mistakes"] > 0
    assert all(len(each["nearest"]) == 5 for each in data["surest_mistakes"])
    assert {each["name"] for each in found["pictures"]} <= {
        each["path"] for each in data["surest_mistakes"]
    } | {
        f"{name}/{file}"
        for name in ("cat", "dog")
        for file in [*map("{}.png".format, range(8)), HOSTILE]
    }
    files = [Path(each) for each in found["files"]]
    assert all(each.is_file() for each in files)
    names = {each.name for each in files}
    assert {"filters.png", "strongest-conv1.png", "poolings.png", "border-coverage.png"} <= names
    assert {"embedding.png", "mistakes.png", "picture-01-class-map.png", "explain.html"} <= names
    for each in files:
        if each.suffix == ".png":
            Image.open(each).verify()
    with Path("fixes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == [each["path"] for each in data["likely_label_errors"]]
    assert all(row["correct"] == "" for row in rows)


def test_a_file_name_is_text_on_the_page(capsys, model, photos):
    explained(capsys, model, photos / "cat" / HOSTILE, photos, "--no-cache", "--html", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_images_alone_are_explained_without_a_data_set(capsys, model, photos):
    found = explained(capsys, model, photos / "cat" / "1.png", "--target", "dog")
    (picture,) = found["pictures"]
    assert (picture["explained_class"], picture["class_map_layer"]) == ("dog", "pool1")
    assert found["data"] is None
    assert found["files"] == []
    assert any("No data set was given" in note for note in found["notes"])
    assert (
        explained(capsys, model, photos / "cat" / "1.png", "--target", "0")["pictures"][0][
            "explained_class"
        ]
        == "cat"
    )


def test_a_flat_folder_stands_for_its_images_and_the_unreadable_are_told(capsys, model, photos):
    assert run(["explain", str(model), str(photos / "cat"), "--json"]) == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert len(found["pictures"]) == 8
    assert [Path(each["path"]).name for each in found["unread"]] == ["broken.png"]
    assert "broken.png: " in printed.err


def test_nothing_but_a_model_shows_its_filters(capsys, model):
    assert run(["explain", str(model)]) == 0
    printed = capsys.readouterr()
    assert "page      explain.html" in printed.out
    page = Path("explain.html").read_text(encoding="utf-8")
    assert "4 learned filters of 3×3" in page
    assert "No image was given" in page
    assert "No image was given" in printed.err


def test_a_network_without_convolutions_is_explained_as_far_as_it_goes(capsys, tmp_path, photos):
    dense = write_model(tmp_path, "flatten | dense 5 relu | dense classes")
    found = explained(capsys, dense, photos, "--split", "all", "--no-cache", "--to", "out")
    assert found["filters"] is None
    assert found["pictures"][0]["class_map_layer"] is None
    assert found["pictures"][0]["occlusion"]["window"] == [2, 2]
    assert any("class maps, feature maps" in note for note in found["notes"])
    names = {Path(each).name for each in found["files"]}
    assert "picture-01-occlusion.png" in names
    assert not {"filters.png", "poolings.png", "border-coverage.png"} & names


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (8000, 6250)])
def test_an_image_of_any_size_is_explained(capsys, model, size):
    Image.new("L", size, 200).save("odd.png")
    (picture,) = explained(capsys, model, "odd.png")["pictures"]
    assert picture["name"] == "odd.png"


def test_the_smallest_format_is_explained(capsys, tmp_path):
    small = write_model(tmp_path, "conv 3 1 relu | flatten | dense classes", "1x1x1")
    Image.new("L", (5, 5), 200).save("five.png")
    found = explained(capsys, small, "five.png", "--html", "page.html")
    assert found["pictures"][0]["class_map_layer"] is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--html", "there.html"], "there.html exists"),
        (["--to", "there.html"], "there.html exists"),
        (["--to", "gone/out"], "gone is no folder"),
        (["--write-labels", "fixes.csv"], "--write-labels needs a data set"),
        (["--pictures", "-1"], "--pictures -1 is below 0"),
        (["nowhere"], "no folder, no file and no named data set"),
        (["fashion-mini", "photos"], "are both data sets"),
        (["one.png", "--layer", "conv7"], "no layer 'conv7'"),
        (["one.png", "--target", "cow"], "no class 'cow'"),
        (["one.png", "--place", "3"], "--place 3: write ROW,COLUMN"),
        (["one.png", "--place", "5,0"], "pool1 leaves 5×6 places; there is no place (5, 0)"),
        (["one.png", "--target", "7"], "class 7 is not between 0 and 1"),
    ],
)
def test_wrong_requests_are_told_and_write_nothing(capsys, model, photos, arguments, told):
    Path("there.html").write_text("kept")
    Image.new("L", (12, 10)).save("one.png")
    before = sorted(Path().rglob("*"))
    assert run(["explain", str(model), *arguments]) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert sorted(Path().rglob("*")) == before
    assert Path("there.html").read_text() == "kept"


def test_a_run_without_its_model_is_told_to_go_on(capsys, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    assert run(["explain", "run"]) == 2
    assert "its training goes on, or was ended; wait for it" in capsys.readouterr().err
