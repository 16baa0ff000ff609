"""The folder of a study whose trainings were never done: made-up scores in real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from convwise.studies.cell import Cell, Cost, Score, write_cell
from convwise.studies.question import Look, Picture, Setting
from convwise.studies.registry import chosen_questions
from convwise.studies.trial import Scale, Trial

SCALE = {"images": 900, "epochs": 4, "seconds": 20.0}
FINGERPRINT = "0" * 64


def make_study(
    folder: Path, questions: tuple[str, ...] = ("pooling",), seeds: int = 3, **changes: Any
) -> Path:
    """Write a study's folder; ``changes`` replace keys of study.json."""
    (folder / "cells").mkdir(parents=True)
    facts = {
        "created": "2025-03-04T05:06:07+00:00",
        "command": f"convwise study photos/ --questions {','.join(questions)}",
        "data": {
            "name": "photos",
            "source": "photos/",
            "fingerprint": FINGERPRINT,
            "classes": list("abcdefghij"),
            "image": [28, 28, 1],
            "train_images": 900,
            "test_images": 200,
        },
        "questions": list(questions),
        "own": None,
        "seeds": seeds,
        "margin": 0.005,
        "budget": None,
        "scale": SCALE,
        "given_up": [],
        "computing": {"backend": "local", "processes": 1, "threads": 2, "raced": {}},
        "machine": {"cpu": "a processor", "cores": 2},
        "versions": {"convwise": "0.1.0"},
    } | changes
    (folder / "study.json").write_text(json.dumps(facts))
    setting = Setting((28, 28, 1), tuple("abcdefghij"))
    for question in chosen_questions([name for name in questions if name != "mine"]):
        for place, arm in enumerate(question.arms(setting)):
            for seed in range(seeds):
                trial = Trial(question.name, arm, seed, setting, Scale(**SCALE))
                _write(folder, trial, 0.92 - 0.06 * place)
    return folder


def _write(folder: Path, trial: Trial, accuracy: float) -> None:
    random = np.random.default_rng(trial.seed)
    images = np.zeros((2, 28, 28, 1), np.uint8)
    names = [each.name for each in trial.arm.task.tests(images, np.zeros(2, np.int64))]
    scores = {name: Score((random.random(200) < accuracy).astype(np.uint8), 1) for name in names}
    cell = Cell(
        trial.question,
        trial.arm.name,
        trial.seed,
        trial.digest_on(FINGERPRINT),
        scores,
        Cost(1_000, 2_000_000, 1.5, 0.1, 4),
        Look({"sharpness": 0.5}, (Picture("map 1", np.eye(8, dtype=np.uint8) * 255),)),
    )
    write_cell(folder / "cells" / f"{trial.name}.json", cell)
