"""The worked example is made from a study's folder alone."""

from __future__ import annotations

import importlib
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from convwise.studies.cell import Cell, Cost, Score, write_cell
from convwise.studies.question import Setting
from convwise.studies.reading import read_study
from convwise.studies.registry import all_questions
from convwise.studies.trial import Scale, Trial
from made_up_study import make_study

DOCS = Path(__file__).parents[2] / "docs"
SETTING = Setting((28, 28, 1), tuple("abcdefghij"))
FACTS: dict[str, Any] = {
    "command": "convwise study fashion-mini --questions position --seeds 2",
    "data": {
        "name": "fashion-mini",
        "source": "fashion-mini",
        "fingerprint": "0" * 64,
        "classes": list(SETTING.classes),
        "image": list(SETTING.image),
        "train_images": 900,
        "test_images": 50,
    },
    "questions": ["position"],
    "own": None,
    "seeds": 2,
    "margin": 0.005,
    "scale": {"images": 900, "epochs": 4, "seconds": 20.0},
    "given_up": ["3 of 5 seeds"],
    "machine": {"cpu": "a processor", "cores": 2},
}


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


GENERATOR = load("generate_study_example")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of one question, with made-up cells for all arms but one."""
    (tmp_path / "cells").mkdir()
    (tmp_path / "study.json").write_text(json.dumps(FACTS), encoding="utf-8")
    for place, arm in enumerate(all_questions()["position"].arms(SETTING)[:-1]):
        for seed in range(2):
            right = np.arange(50) % (3 + place) > 0
            scores = {str(offset): Score(right.astype(np.uint8), 1) for offset in range(6)}
            trial = Trial("position", arm, seed, SETTING, Scale(**FACTS["scale"]))
            cost = Cost(1_000, 2_000, 1.5, 0.1, 4)
            cell = Cell("position", arm.name, seed, trial.digest_on("0" * 64), scores, cost)
            write_cell(tmp_path / "cells" / f"{trial.name}.json", cell)
    return tmp_path


def test_a_study_is_read_from_its_folder(folder: Path) -> None:
    found = read_study(folder)
    answer = found.study.answers[0]
    assert (found.done, found.wanted, found.unknown) == (18, 20, ())
    assert len(answer.arms) == 9
    assert answer.findings[0].seeds == (0, 1)
    assert answer.arms[0].accuracy == pytest.approx(0.66)


def test_the_example_has_every_verdict_every_arm_and_the_curves(folder: Path) -> None:
    study = read_study(folder).study
    page = GENERATOR.example_page(study, "What we make of it.")
    for finding in study.findings:
        assert finding.sentence in page
    for result in study.answers[0].arms:
        assert f"| {result.arm.name} | " in page
    assert "| arm | 0 | 1 | 2 | 3 | 4 | 5 |" in page
    assert "gave up 3 of 5 seeds" in page
    assert page.endswith("What we make of it.\n")


def test_a_study_that_has_not_come_to_its_end_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 of 20 cells are missing"):
        GENERATOR.write_example(read_study(folder), tmp_path / "example")
    assert not (tmp_path / "example").exists()


def test_the_example_links_to_files_that_are_there_and_ends_with_what_others_found(
    tmp_path: Path,
) -> None:
    asked = ("position", "pooling", "stride-or-pool")
    study = make_study(tmp_path / "photos", asked)
    example = tmp_path / "example"
    example.mkdir()
    (example / "reading.md").write_text("What we make of it.\n")
    written = GENERATOR.write_example(read_study(study), example)
    page = (example / "README.md").read_text(encoding="utf-8")
    linked = {example / name for name in re.findall(r"\]\(([^)]+)\)", page)}
    assert linked == set(written) - {example / "README.md"}
    tail = page[page.index("## Beside what others found") :]
    for text in ("Zhang 2019", "all-cnn-c 9.08 %", "Boureau", "max: sharpness 0.5"):
        assert text in tail
    assert tail.endswith("What we make of it.\n")
    findings = json.loads((example / "findings.json").read_text(encoding="utf-8"))
    assert findings["study"] == "photos"
    assert str(tmp_path) not in page


def test_a_picture_of_the_example_is_a_whole_svg_file(tmp_path: Path) -> None:
    study = read_study(make_study(tmp_path / "photos", ("stride-or-pool",))).study
    (picture,) = load("study_example.pictures").pictures(study.answers[0], 0.005)
    root = ElementTree.fromstring(picture.svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "Difference of accuracy (percentage points)" in "".join(root.itertext())
    assert "--accent" in picture.svg
    assert "n = 3" in picture.words
