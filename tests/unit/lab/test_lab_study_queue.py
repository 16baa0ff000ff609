"""Studies that the lab starts, by a program that stands for convwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

import fake_training
from convwise.lab.places import Places
from convwise.lab.training_queue import TrainingQueue

ASKED = {"data": "fashion-mini", "questions": ["position"], "budget": "5m"}


@pytest.fixture
def lab(
    places: Places, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> TestClient:
    """Return a client of a lab that starts no real process of convwise."""
    program = (sys.executable, fake_training.__file__)
    monkeypatch.setattr(
        "convwise.lab.queued.TrainingQueue", partial(TrainingQueue, program=program)
    )
    client: TestClient = request.getfixturevalue("client")
    return client


def until(
    lab: TestClient, wanted: Callable[[dict[str, Any]], Any], path: str = "queue"
) -> dict[str, Any]:
    end = time.monotonic() + 60
    while not wanted(found := lab.get(f"/api/study/{path}").json()):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def test_the_command_is_told_before_anything_is_done(lab: TestClient, places: Places) -> None:
    told = lab.post("/api/study/command", json=ASKED).json()
    out = places.studies / "fashion-mini-1"
    command = f"convwise study fashion-mini --questions position --budget 5m --out {out}"
    assert told == {"command": command}
    assert list(places.studies.iterdir()) == []
    assert lab.post("/api/study/start", json=ASKED).json()["command"] == command


def test_a_study_is_started_followed_and_stopped(lab: TestClient, places: Places) -> None:
    entry = lab.post("/api/study/start", json=ASKED).json()
    assert (entry["state"], entry["run"]) == ("running", None)
    found = until(lab, lambda told: told["said"])
    assert found["said"].startswith("training study fashion-mini --questions position")
    # It stands among the studies, under the same id, once it has settled what it will be.
    [study] = until(lab, lambda told: told["studies"], "studies")["studies"]
    assert study["id"] == entry["study"]
    assert lab.post(f"/api/train/stop/{entry['id']}", json={}).json()["state"] == "stopping"
    found = until(lab, lambda told: told["entries"][0]["state"] == "ended")
    assert found["entries"][0]["message"].startswith("stopped; what is done is kept")
    assert found["said"] == ""


def test_a_study_waits_for_a_training(lab: TestClient) -> None:
    first = lab.post("/api/train/start", json={"data": "fashion-mini"}).json()
    second = lab.post("/api/study/start", json=ASKED).json()
    assert (first["state"], second["state"]) == ("running", "waiting")
    # It is no run: the page Train cannot watch it.
    assert second["run"] is None
    taken = lab.post(f"/api/train/stop/{second['id']}", json={}).json()
    assert taken["message"] == "taken out of the queue"


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": "/etc"},
        {"data": "../photos"},
        {"questions": []},
        {"questions": ["no such"]},
        {"budget": "soon"},
        {"seeds": 0},
        {"out": "/tmp/elsewhere"},
    ],
)
def test_what_no_study_can_be_is_told_and_starts_nothing(
    lab: TestClient, places: Places, wrong: dict[str, Any]
) -> None:
    assert lab.post("/api/study/command", json=ASKED | wrong).json()["problem"]
    refused = lab.post("/api/study/start", json=ASKED | wrong)
    assert 400 <= refused.status_code < 500
    assert refused.json()["message"]
    assert list(places.studies.iterdir()) == list(places.runs.iterdir()) == []


def test_a_lab_of_one_study_starts_no_other_beside_it(lab: TestClient, places: Places) -> None:
    (places.studies / "study.json").write_text("{}")
    told = lab.post("/api/study/command", json=ASKED).json()
    assert "is one study" in told["problem"]
    assert lab.post("/api/study/start", json=ASKED).status_code == 400


def test_a_stopped_study_goes_on_by_its_own_command(lab: TestClient) -> None:
    entry = lab.post("/api/study/start", json=ASKED).json()
    [study] = until(lab, lambda told: told["studies"], "studies")["studies"]
    again = f"/api/study/go-on/{study['id']}"
    busy = lab.post(again, json={})
    assert (busy.status_code, "is in the queue already" in busy.text) == (400, True)
    lab.post(f"/api/train/stop/{entry['id']}", json={})
    until(lab, lambda told: told["entries"][0]["state"] == "ended")
    second = lab.post(again, json={}).json()
    assert second["id"] != entry["id"]
    assert [second[key] for key in ("study", "command")] == [entry["study"], entry["command"]]
    lab.post(f"/api/train/stop/{second['id']}", json={})
    until(lab, lambda told: told["entries"][1]["state"] == "ended")


def test_a_study_that_the_lab_did_not_begin_is_left_to_its_command(
    lab: TestClient, places: Places
) -> None:
    (places.studies / "typed").mkdir(parents=True)
    (places.studies / "typed" / "study.json").write_text("{}")
    [study] = lab.get("/api/study/studies").json()["studies"]
    refused = lab.post(f"/api/study/go-on/{study['id']}", json={})
    assert refused.status_code == 400
    assert "typed was not begun here; the command that began it goes on with it" in refused.text
