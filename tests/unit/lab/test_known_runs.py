"""A lab with 500 runs, each of which is read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from convwise.lab.places import Places
from convwise.report.run_list import ListedRun, listed_run

MANY = 500
LISTS = ("/api/compare/runs", "/api/train/runs")


@pytest.fixture
def many(places: Places, make_run: Callable[..., Path]) -> Path:
    """Return a folder of 500 runs; all but the first have the files that tell of them, no other."""
    text = (make_run(places.runs / "run000", images_per_class=2) / "run.json").read_text()
    for number in range(1, MANY):
        folder = places.runs / f"run{number:03}"
        folder.mkdir()
        (folder / "run.json").write_text(text)
    return places.runs


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the runs that are read, as they are read."""
    names: list[str] = []

    def reading(run: Path) -> ListedRun | None:
        names.append(run.name)
        return listed_run(run)

    monkeypatch.setattr("convwise.lab.known_runs.listed_run", reading)
    return names


def test_pages_and_lists_of_500_runs_answer(client: TestClient, many: Path) -> None:
    for page in ("design", "train", "compare", "study"):
        assert client.get(f"/{page}").status_code == 200
    table, watched = (client.get(path).json() for path in LISTS)
    assert (table["total"], len(table["runs"])) == (MANY, 50)
    assert len(watched["runs"]) == 100


def test_a_run_is_read_again_only_after_it_has_changed(
    client: TestClient, many: Path, read: list[str]
) -> None:
    def ask_for_all() -> list[str]:
        read.clear()
        for path in LISTS:
            assert client.get(path).status_code == 200
        return list(read)

    assert len(ask_for_all()) == MANY
    assert ask_for_all() == []
    facts = json.loads((many / "run007" / "run.json").read_text())
    (many / "run007" / "run.json").write_text(json.dumps(facts | {"status": "stopped early"}))
    assert ask_for_all() == ["run007"]
    found = client.get(LISTS[0], params={"words": "stopped early"}).json()
    assert [run["name"] for run in found["runs"]] == ["run007"]


def test_epochs_of_a_run_at_work_are_counted_anew(
    client: TestClient, places: Places, make_run: Callable[..., Path]
) -> None:
    run = make_run(
        places.runs / "at work", epochs=3, status="running", result=None, without=("metrics.json",)
    )
    assert client.get(LISTS[0]).json()["runs"][0]["epochs"] == 3
    with (run / "history.jsonl").open("a") as file:
        file.write('{"epoch": 4, "seconds": 9.0}\n')
    assert client.get(LISTS[0]).json()["runs"][0]["epochs"] == 4


def test_a_run_that_has_gone_and_a_folder_that_becomes_one_are_seen(
    client: TestClient, many: Path, tmp_path: Path
) -> None:
    (many / "new").mkdir()
    assert client.get(LISTS[0]).json()["total"] == MANY
    (many / "run001" / "run.json").rename(many / "new" / "run.json")
    names = [
        run["name"]
        for run in client.get(LISTS[0], params={"sort": "name", "limit": 500}).json()["runs"]
    ]
    assert len(names) == MANY
    assert "new" in names
    assert "run001" not in names
