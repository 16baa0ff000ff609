from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import CommandLine

OWN = """
base = "conv 4 3 same relu | maxpool 2 | global_avgpool | dense classes"
name = "width"

[vary]
"conv.filters" = [4, 8]
"""


def test_a_question_of_ones_own_is_answered(
    convwise: CommandLine, photos: Path, tmp_path: Path
) -> None:
    config = tmp_path / "study.toml"
    config.write_text(OWN, encoding="utf-8")
    out = tmp_path / "study"
    given = ["--config", config, "--seeds", 2, "--epochs", 1, "--threads", 1, "--out", out]
    answer = convwise("study", photos, *given, "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    finding = document["findings"][0]
    assert finding["question"] == "width"
    assert finding["arms"] == ["conv-filters-8", "conv-filters-4"]
    assert finding["verdict"] in ("better", "worse", "equivalent", "can't tell")
    assert finding["cost"]["conv-filters-8"]["params"] > finding["cost"]["conv-filters-4"]["params"]
    assert "conv-filters-8" in (out / "study.html").read_text(encoding="utf-8")
    again = convwise("study", photos, *given)
    assert "4 of 4 cells are there already" in again.err
    assert finding["sentence"][:20] in again.out


def test_questions_are_listed_without_data(convwise: CommandLine) -> None:
    answer = convwise("study", "--list", "--json")
    assert answer.code == 0, answer.err
    assert len(json.loads(answer.out)) == 10


def test_a_wrong_request_is_told_and_changes_nothing(
    convwise: CommandLine, photos: Path, tmp_path: Path
) -> None:
    for arguments, said in (
        ([], "which images?"),
        ([photos, "--questions", "poling"], "did you mean pooling"),
        ([photos, "--seeds", "0"], "--seeds 0"),
    ):
        answer = convwise("study", *arguments, "--out", tmp_path / "study")
        assert answer.code == 2, answer.err
        assert said in answer.err
        assert not (tmp_path / "study").exists()
