"""``convwise explain`` on a run that the command line trained."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from convwise.classifier import Classifier

CLASSES = ("left", "middle", "right")


def test_a_changed_label_is_found_and_written_to_the_table(
    convwise, trained, make_picture, tmp_path: Path
) -> None:
    for label, name in enumerate(CLASSES):
        (tmp_path / "photos" / "test" / name).mkdir(parents=True)
        (tmp_path / "photos" / "train" / name).mkdir(parents=True)
        for number in range(8):
            for split in ("train", "test"):
                file = tmp_path / "photos" / split / name / f"{number}.png"
                Image.fromarray(make_picture(label)).save(file)
    wrong = tmp_path / "photos" / "test" / "left" / "7.png"
    Image.fromarray(make_picture(2)).save(wrong)
    answer = convwise(
        *("explain", trained.folder, tmp_path / "photos", "--json", "--no-cache"),
        *("--html", tmp_path / "page.html", "--write-labels", tmp_path / "fixes.csv"),
    )
    assert answer.code == 0, answer.err
    with (tmp_path / "fixes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    named = {(row["path"], row["label"], row["suggested"]) for row in rows}
    assert ("test/left/7.png", "left", "right") in named
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Label may be wrong" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_a_loaded_classifier_explains_its_mistakes_first(trained, make_picture) -> None:
    classifier = Classifier.load(trained.folder)
    images = np.stack([make_picture(label) for label in (0, 1, 2)])
    labels = classifier.predict(images)
    labels[2] = "left" if labels[2] != "left" else "right"
    explained = classifier.explain(images, labels, most=2)
    assert [each.name for each in explained.pictures] == ["image 2", "image 0"]
    np.testing.assert_array_equal(explained.pictures[0].picture[:, :, 0], images[2])
    assert explained.pictures[0].class_map is not None
    assert "filters" in explained.figures
    assert explained._repr_html_().count("<figure>") == len(explained.figures)
