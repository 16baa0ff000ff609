from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from convwise.design import zoo
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.lab.pages import PAGES
from convwise.lab.places import Places, UnknownIdError

BROKEN = "conv 8 3 relu\nmaxpool 4\nconv 16 7 relu\nflatten\ndense classes"
MakeRun = Callable[..., Path]


def planned(client: TestClient, text: str, **changes: Any) -> dict[str, Any]:
    told = client.post("/api/design/plan", json={"text": text} | changes)
    assert told.status_code == 200, told.text
    found: dict[str, Any] = told.json()
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_is_shown_with_all_in_its_navigation(client: TestClient, page: Any) -> None:
    told = client.get(f"/{page.name}")
    assert told.status_code == 200
    assert all(f'href="/{one.name}"' in told.text for one in PAGES)
    assert client.get(f"/static/{page.name}.js").status_code == 200


def test_no_page_runs_anything_that_it_holds_itself(client: TestClient) -> None:
    for page in PAGES:
        told = client.get(f"/{page.name}")
        policy = told.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert " style=" not in told.text
        assert "<script>" not in told.text


def test_a_design_tells_its_maps_and_its_table(client: TestClient) -> None:
    told = planned(client, zoo.entry("lenet").text)
    assert "This design can be built." in told["advice"]
    assert "61,706" in told["result"]


def test_each_fix_of_a_broken_design_mends_it(client: TestClient) -> None:
    made = plan(Network.from_text(BROKEN), "28x28x1", 10)
    assert made.problem is not None
    assert len(made.problem.repaired) == len(made.problem.fixes) > 1
    told = planned(client, BROKEN)["advice"]
    for words, network in zip(made.problem.fixes, made.problem.repaired, strict=True):
        assert plan(network, "28x28x1", 10).problem is None
        assert network.to_text().splitlines()[0] in told
        assert words.replace('"', "&#34;") in told


def test_a_network_in_a_fix_is_shown_as_code(client: TestClient) -> None:
    told = planned(client, "conv 8 3\nmaxpool 2\nconv 8 19")["advice"]
    assert "end with <code>global_avgpool | dense classes</code></button>" in told
    assert "`" not in told


def test_wrong_text_is_told_with_its_place(client: TestClient) -> None:
    told = planned(client, "conv 8 3\nconvv 8 3")
    assert told["result"] is None
    assert told["line"] == 2
    assert "Line 2, column 1" in told["advice"]


def test_text_is_never_taken_for_a_path(client: TestClient, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("flatten | dense classes")
    told = planned(client, str(secret))
    assert told["result"] is None


def test_markup_in_a_network_stays_text(client: TestClient) -> None:
    told = planned(client, "conv 8 <script>alert(1)</script>")
    assert "<script" not in told["advice"]


@pytest.mark.parametrize("change", [{"image": [0, 28, 1]}, {"classes": 1}, {"image": [9, 9, 2]}])
def test_sizes_that_cannot_be_are_told_beside_the_editor(
    client: TestClient, change: dict[str, Any]
) -> None:
    told = planned(client, "flatten | dense classes", **change)
    assert 'class="problem"' in told["advice"]
    assert told["result"] is None


def test_a_request_that_is_none_is_told_in_one_sentence(client: TestClient) -> None:
    told = client.post("/api/design/plan", json={"text": "flatten", "image": [28, 28]})
    assert told.status_code == 400
    assert told.json()["message"].startswith("image.2: ")


@pytest.mark.parametrize("to", ["keras", "torch"])
def test_a_design_becomes_source_code(client: TestClient, to: str) -> None:
    asked = {"text": zoo.entry("lenet").text, "to": to}
    told = client.post("/api/design/source", json=asked).json()
    compile(told["source"], told["file"], "exec")


def test_a_broken_design_becomes_no_source_code(client: TestClient) -> None:
    told = client.post("/api/design/source", json={"text": BROKEN, "to": "keras"})
    assert told.status_code == 400


def test_five_hundred_runs_are_listed_part_by_part(
    client: TestClient, places: Places, make_run: MakeRun
) -> None:
    first = make_run(places.runs / "run000", images_per_class=2)
    text = (first / "run.json").read_text()
    for number in range(1, 500):
        folder = places.runs / f"run{number:03}"
        folder.mkdir()
        (folder / "run.json").write_text(text)
    told = client.get("/api/compare/runs", params={"sort": "name", "offset": 50}).json()
    assert told["total"] == 500
    assert [run["name"] for run in told["runs"]] == [f"run{number:03}" for number in range(50, 100)]
    found = client.get("/api/compare/runs", params={"words": "run49"}).json()
    assert found["matching"] == 10


def test_hostile_runs_are_listed_or_named_and_harm_nobody(
    client: TestClient, places: Places, make_run: MakeRun
) -> None:
    evil = "<script>alert(1)</script>"
    make_run(places.runs / "good", images_per_class=5)
    make_run(places.runs / "<img src=x onerror=alert(1)>", images_per_class=5)
    hostile = {
        "deep": "[" * 100_000,
        "list": "[]",
        "cut": '{"network": ',
        "types": json.dumps({"network": evil, "data": 3, "result": [], "status": {"a": 1}}),
        "numbers": '{"network": {"name": "x"}, "result": {"test_accuracy": NaN, "epochs": 1e999}}',
        "binary": "\x00\ufffd",
    }
    for name, text in hostile.items():
        (places.runs / name).mkdir()
        (places.runs / name / "run.json").write_text(text)
    told = client.get("/api/compare/runs")
    assert told.status_code == 200
    named = {run["name"] for run in told.json()["runs"]}
    broken = {run["name"] for run in told.json()["broken"]}
    assert {"good", "<img src=x onerror=alert(1)>"} <= named
    assert {"deep", "list", "cut", "binary"} <= broken
    ids = [run["id"] for run in told.json()["runs"]]
    for handed in ids:
        one = client.post("/api/compare/of", json={"runs": [handed]})
        assert one.status_code in (200, 400), one.text
        assert "<img" not in one.text
        assert "<script>alert" not in one.text


def test_a_folder_that_a_link_leads_to_from_outside_is_not_shown(
    client: TestClient, places: Places, make_run: MakeRun, tmp_path: Path
) -> None:
    outside = make_run(tmp_path / "outside", images_per_class=2)
    (places.runs / "inside").symlink_to(outside)
    told = client.get("/api/compare/runs").json()
    assert told["runs"] == []


def test_an_id_that_was_handed_out_stops_at_a_link_that_took_its_place(tmp_path: Path) -> None:
    places = Places(tmp_path / "runs")
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    [(handed, folder)] = places.run_folders()
    assert places.run(handed) == folder
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnknownIdError):
        places.run(handed)


def test_ids_of_one_place_open_nothing_at_another(tmp_path: Path) -> None:
    places = Places(tmp_path / "runs", (), tmp_path / "studies")
    (tmp_path / "studies" / "a").mkdir(parents=True)
    [(handed, _)] = places.study_folders()
    with pytest.raises(UnknownIdError):
        places.run(handed)
    with pytest.raises(UnknownIdError):
        Places(tmp_path / "studies").run(handed)


def test_two_runs_are_compared_in_words_and_curves(
    client: TestClient, places: Places, make_run: MakeRun
) -> None:
    for seed, name in enumerate(("better", "worse")):
        make_run(places.runs / name, seed=seed, mistakes=0.05 + seed * 0.2)
    runs = client.get("/api/compare/runs", params={"sort": "name"}).json()["runs"]
    told = client.post("/api/compare/of", json={"runs": [run["id"] for run in runs]}).json()
    assert "B is worse than A" in told["html"]
    assert str(places.runs) not in told["html"]
    assert told["html"].count("<svg") >= 3


def test_a_run_that_is_being_written_shows_its_curves_so_far(
    client: TestClient, places: Places, make_run: MakeRun
) -> None:
    make_run(places.runs / "done")
    ended = ("metrics.json", "predictions.csv")
    make_run(places.runs / "at work", status="running", result=None, without=ended)
    history = places.runs / "at work" / "history.jsonl"
    history.write_text(history.read_text() + '{"epoch": 9, "trai')
    runs = client.get("/api/compare/runs").json()["runs"]
    assert "running" in {run["status"] for run in runs}
    told = client.post("/api/compare/of", json={"runs": [run["id"] for run in runs]}).json()["html"]
    assert "did not come to its end" in told
    assert told.count("<svg") == 2


def test_a_lab_without_runs_says_so(client: TestClient, places: Places) -> None:
    places.runs.rmdir()
    told = client.get("/api/compare/runs").json()
    assert (told["total"], told["runs"]) == (0, [])


def test_a_run_without_a_model_has_no_kernels(
    client: TestClient, places: Places, make_run: MakeRun
) -> None:
    make_run(places.runs / "a", images_per_class=2)
    [run] = client.get("/api/compare/runs").json()["runs"]
    told = client.get(f"/api/design/bench/learned/{run['id']}")
    assert told.status_code == 400
    assert "model.safetensors" in told.json()["message"]


def test_a_failure_that_nobody_foresaw_is_told_without_its_details(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convwise.lab.access import Access
    from convwise.lab.app import make_app
    from convwise.lab.pages import compare

    def fails(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(compare, "run_table", fails)
    app = make_app(places, Access("token", 8760))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        client.get("/?token=token")
        told = client.get("/api/compare/runs")
    assert told.status_code == 500
    assert "secret" not in told.text
