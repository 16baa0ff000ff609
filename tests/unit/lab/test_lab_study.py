from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from convwise.lab.places import Places
from made_up_study import make_study


def test_studies_are_listed_the_newest_first(client: TestClient, places: Places) -> None:
    make_study(places.studies / "old", seeds=1)
    make_study(places.studies / "new", seeds=1, created="2026-01-01T00:00:00+00:00")
    (places.studies / "foreign").mkdir()
    (places.studies / "broken").mkdir()
    (places.studies / "broken" / "study.json").write_text("[" * 10_000)
    told = client.get("/api/study/studies").json()["studies"]
    assert [study["name"] for study in told] == ["new", "old"]


def test_a_study_is_shown_with_its_verdicts(client: TestClient, places: Places) -> None:
    make_study(places.studies / "<b>s")
    [study] = client.get("/api/study/studies").json()["studies"]
    told = client.get(f"/api/study/of/{study['id']}").json()
    assert (told["done"], told["wanted"]) == (9, 9)
    assert 'class="word better"' in told["html"]
    assert "<script" not in told["html"]


def test_a_study_at_work_says_so(client: TestClient, places: Places) -> None:
    folder = make_study(places.studies / "s")
    (folder / "cells" / "pooling--max--2.json").unlink()
    [study] = client.get("/api/study/studies").json()["studies"]
    told = client.get(f"/api/study/of/{study['id']}").json()
    assert "8 of 9 trainings are done" in told["html"]


def test_a_damaged_study_is_told(client: TestClient, places: Places) -> None:
    make_study(places.studies / "s", seeds=1, data={"name": "<script>"})
    [study] = client.get("/api/study/studies").json()["studies"]
    told = client.get(f"/api/study/of/{study['id']}")
    assert told.status_code == 400
    assert "run the study again" in told.json()["message"]


def test_a_study_that_has_gone_is_told(client: TestClient, places: Places, tmp_path: Path) -> None:
    folder = make_study(places.studies / "s", seeds=1)
    [study] = client.get("/api/study/studies").json()["studies"]
    folder.rename(tmp_path / "elsewhere")
    assert client.get(f"/api/study/of/{study['id']}").status_code == 404
