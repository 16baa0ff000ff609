from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convwise.data.dataset import Decoded
from convwise.errors import MissingExtraError, OptionError
from convwise.studies.study import Study, study
from toy_study import Notes, make_question


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray cluster of this machine alone, with two processors."""
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Its processes begin elsewhere, and have to find this very convwise.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 << 20,
    )
    yield ray
    ray.shutdown()


def run(decoded: Decoded, out: Path, **options: Any) -> tuple[Study, Notes]:
    notes = Notes()
    given = {"epochs": 2, "threads": 1, "fuse": False} | options
    made = study(decoded, [make_question()], 2, out=out, watcher=notes, **given)
    return made, notes


def scores(folder: Path) -> dict[str, object]:
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))["scores"]
        for path in (folder / "cells").iterdir()
    }


def test_a_ray_cluster_finds_what_this_machine_finds(
    decoded: Decoded, tmp_path: Path, cluster: Any
) -> None:
    here, _ = run(decoded, tmp_path / "here")
    there, notes = run(decoded, tmp_path / "there", backend="ray")
    assert scores(tmp_path / "there") == scores(tmp_path / "here")
    assert [each.to_json()["interval"] for each in there.findings] == [
        each.to_json()["interval"] for each in here.findings
    ]
    assert [each.sentence for each in there.findings] == [each.sentence for each in here.findings]
    assert len(notes.cells) == len(set(notes.cells)) == 4
    assert there.facts["computing"]["backend"] == "ray"
    assert not list((tmp_path / "there" / "claims").iterdir())
    assert cluster.is_initialized(), "a cluster that was there before stays"

    # What was begun here goes on there, and no cell is done twice.
    _, notes = run(decoded, tmp_path / "here", backend="ray", threads=None)
    assert notes.cells == []
    with pytest.raises(OptionError, match="has more than 2 processors"):
        run(decoded, tmp_path / "large", backend="ray", threads=3)


def test_a_cluster_that_does_not_answer_is_told_at_once(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(OptionError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        run(decoded, tmp_path / "toy", backend="ray")


def test_without_ray_the_extra_is_named(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convwise\[cluster\]'"):
        run(decoded, tmp_path / "toy", backend="ray")
