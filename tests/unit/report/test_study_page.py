from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from convwise.report.study_page import study_page, write_study_page
from convwise.studies.cell import Cell, Cost, Score
from convwise.studies.findings import answers
from convwise.studies.question import Curve, Look, Picture, Question, Setting
from convwise.studies.registry import all_questions
from convwise.studies.study import Study
from toy_study import make_question

SETTING = Setting((28, 28, 1), tuple("abcdefghij"))
FACTS = {
    "created": "2025-03-04T05:06:07+00:00",
    "command": "convwise study <photos>",
    "data": {
        "name": "<photos>",
        "source": "<photos>/",
        "fingerprint": "0" * 64,
        "classes": list("abcdefghij"),
        "image": [28, 28, 1],
        "train_images": 900,
        "test_images": 200,
    },
    "questions": [],
    "own": None,
    "seeds": 3,
    "margin": 0.005,
    "budget": 600.0,
    "scale": {"images": 900, "epochs": 4, "seconds": 20.0},
    "computing": {
        "backend": "local",
        "processes": 2,
        "threads": 1,
        "raced": {"1 process of 2 threads": 93.4, "2 processes of 1 thread": 120.0},
    },
    "given_up": ["2 of 5 seeds"],
    "machine": {"cpu": "a processor", "cores": 2},
    "versions": {"convwise": "0.1.0"},
}


def make_study(folder: Path, question: Question, seeds: int = 3) -> Study:
    """A study with made-up cells."""
    random = np.random.default_rng(0)
    cells = []
    images = np.zeros((2, *SETTING.image), np.uint8)
    for place, arm in enumerate(question.arms(SETTING)):
        names = [each.name for each in arm.task.tests(images, np.zeros(2, np.int64))]
        for seed in range(seeds):
            scores = {
                name: Score((random.random(200) < 0.9 - 0.05 * place).astype(np.uint8), 1)
                for name in names
            }
            look = Look({"sharpness": 0.5}, (Picture("map 1", np.eye(4, dtype=np.uint8) * 255),))
            cost = Cost(1_000, 2_000_000, 1.5, 0.1, 4)
            cells.append(Cell(question.name, arm.name, seed, "", scores, cost, look))
    return Study(folder, dict(FACTS), answers([question], SETTING, cells, 0.005))


TRAINED = [question for question in all_questions().values() if question.compute is None]


@pytest.mark.parametrize("question", TRAINED, ids=lambda question: question.name)
def test_each_question_has_verdict_claim_source_picture_costs_and_command(
    question: Question, tmp_path: Path
) -> None:
    study = make_study(tmp_path, question)
    page = study_page(study).replace("&#39;", "'")
    for text in (question.title, question.claim, question.source.split(",")[0]):
        assert text in page
    assert study.answers[0].sentence in page
    assert f'class="chart {question.name}-differences"' in page
    for arm in question.arms(SETTING):
        assert f'<th scope="row">{arm.name}' in page
    assert "2,000,000" in page
    assert f"--questions {question.name} --seeds 3 --epochs 4 --images 900" in page


def test_pictures_tell_units_n_and_intervals(tmp_path: Path) -> None:
    page = study_page(make_study(tmp_path, all_questions()["position"]))
    assert "Difference of accuracy (percentage points)" in page
    assert "n = 200 images" in page
    assert "the seeds, n = 3" in page
    assert "Offset (pixels)" in page
    assert "Accuracy (%)" in page
    # Accuracy and consistency, for two groups of five arms at six offsets.
    assert page.count('class="error"') == 2 * 2 * 5 * 6
    assert "n = the images that are right at 0" in page


def test_the_page_tells_where_it_was_computed(tmp_path: Path) -> None:
    page = study_page(make_study(tmp_path, make_question()))
    assert "trainings an hour in the race at the start: 93 by 1 process of 2 threads" in page


def test_arms_that_have_not_learnt_are_named(tmp_path: Path) -> None:
    study = make_study(tmp_path, all_questions()["structure"])
    assert "not surely better than guessing" not in study_page(study)
    answer = study.answers[0]
    guessing = dataclasses.replace(answer.arms[0], accuracy=0.11, interval=(0.07, 0.16))
    answer = dataclasses.replace(answer, arms=(guessing, *answer.arms[1:]))
    page = study_page(dataclasses.replace(study, answers=(answer,)))
    assert "conv is not surely better than guessing" in page


def test_what_was_seen_inside_has_its_interval(tmp_path: Path) -> None:
    page = study_page(make_study(tmp_path, make_question()))
    assert "sharpness 0.5 (0.5 to 0.5, n = 3 seeds)" in page
    page = study_page(make_study(tmp_path, make_question(), seeds=1))
    assert "sharpness 0.5 (1 seed)" in page


def test_what_is_computed_is_drawn_and_listed(tmp_path: Path) -> None:
    page = study_page(make_study(tmp_path, all_questions()["weights"]))
    assert "Parameters (logarithmic)" in page
    assert "FLOPs of one image (logarithmic)" in page
    assert "224×224×1" in page


def test_a_page_asks_for_nothing_and_escapes_what_the_user_wrote(tmp_path: Path) -> None:
    question = dataclasses.replace(make_question(), title="<script>?", claim="<b>")
    page = study_page(make_study(tmp_path, question))
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script>?" not in page
    assert "<photos>" not in page
    assert "the study gave up 2 of 5 seeds" in page


def test_a_single_seed_and_no_seed_make_a_page_too(tmp_path: Path) -> None:
    for seeds in (0, 1):
        question = dataclasses.replace(
            make_question(), curve=lambda setting: Curve("Place", {0: "test"})
        )
        path = write_study_page(make_study(tmp_path, question, seeds))
        assert path.name == "study.html"
        assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
