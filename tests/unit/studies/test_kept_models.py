from __future__ import annotations

from pathlib import Path

import pytest

from convwise.evaluation.predict import predict_probabilities
from convwise.model.modelfile import load_model
from convwise.studies.cell import read_cell
from convwise.studies.study import study
from toy_study import Notes, make_decoded, make_question


def run(out: Path, *, keep_models: bool) -> Notes:
    notes = Notes()
    study(
        make_decoded(),
        [make_question()],
        seeds=1,
        epochs=2,
        threads=1,
        fuse=False,
        out=out,
        watcher=notes,
        keep_models=keep_models,
    )
    return notes


def test_kept_networks_are_those_that_the_cells_tell_of(tmp_path: Path) -> None:
    out = tmp_path / "toy"
    run(out, keep_models=True)
    names = sorted(path.name for path in (out / "models").iterdir())
    assert names == ["toy--arm-0--0.safetensors", "toy--arm-1--0.safetensors"]
    cell = read_cell(out / "cells" / "toy--arm-0--0.json")
    assert cell is not None
    model = load_model(out / "models" / names[0])
    test = make_decoded().stores["test"]
    right = predict_probabilities(model, test.pixels).argmax(axis=1) == test.labels
    (score,) = cell.scores.values()
    assert score.right.tolist() == right.astype(int).tolist()
    assert model.measured["test_accuracy"] == pytest.approx(score.accuracy)


def test_a_study_without_networks_trains_them_when_they_are_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "toy"
    run(out, keep_models=False)
    assert not (out / "models").exists()
    before = (out / "cells" / "toy--arm-0--0.json").read_bytes()
    assert len(run(out, keep_models=True).cells) == 2
    after = (out / "cells" / "toy--arm-0--0.json").read_bytes()
    assert (
        after.split(b'"scores"')[1].split(b'"cost"')[0]
        == (before.split(b'"scores"')[1].split(b'"cost"')[0])
    )
    # What is there is not done again.
    assert run(out, keep_models=True).cells == []
