from __future__ import annotations

import json
from pathlib import Path

import pytest

from convwise.errors import DataError
from convwise.studies.reading import read_study
from made_up_study import make_study


def test_a_study_is_read_back_with_its_verdicts(tmp_path: Path) -> None:
    found = read_study(make_study(tmp_path / "s"))
    assert (found.done, found.wanted) == (9, 9)
    [answer] = found.study.answers
    assert answer.findings[0].seeds == (0, 1, 2)
    assert answer.findings[0].verdict.word == "better"


def test_a_study_at_work_says_how_far_it_is(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s")
    for path in (folder / "cells").glob("*--2.json"):
        path.unlink()
    (folder / "cells" / "pooling--max--1.json").write_text('{"question": "pool')
    found = read_study(folder)
    assert (found.done, found.wanted) == (5, 9)
    assert found.study.answers[0].findings[0].seeds == (0,)


def test_cells_of_other_images_do_not_count(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s")
    facts = json.loads((folder / "study.json").read_text())
    facts["data"]["fingerprint"] = "1" * 64
    (folder / "study.json").write_text(json.dumps(facts))
    assert read_study(folder).done == 0


def test_a_question_of_the_users_own_is_named_as_unknown(tmp_path: Path) -> None:
    found = read_study(make_study(tmp_path / "s", ("pooling", "mine"), own="mine"))
    assert found.unknown == ("mine",)
    assert len(found.study.answers) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": "many"},
        {"data": {}},
        {"data": 3},
        {"questions": 5},
        {"margin": None},
        {"scale": {"images": 1, "epochs": 1, "seconds": "soon"}},
    ],
)
def test_a_damaged_study_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    folder = make_study(tmp_path / "s")
    facts = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(facts | change))
    with pytest.raises(DataError, match=r"study\.json"):
        read_study(folder)
