"""The benchmarks' arithmetic and their handling of processes, without any peer."""

import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SECONDS = 3.0
FOLDER = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))

    def by_name(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield by_name
    for name in ("measuring", "peers", "results", "train_throughput"):
        sys.modules.pop(name, None)


def facts(contender: str, number: int, speed: float) -> dict:
    speeds = {"images_per_second": speed, "images_per_second_all_epochs": speed / 2}
    return {"contender": contender, "batch": 8, "round": number, **speeds}


def probe(contender: str, *, measured: bool = True) -> dict:
    found = {"contender": contender, "batch": 8, "measured": measured, "images_per_second": 0.5}
    return found | {"projected_seconds": 100.0}


def test_ratios_are_taken_within_rounds(load) -> None:
    rounds = [facts("convwise", 0, 4.0), facts("peer", 0, 2.0)]
    rounds += [facts("convwise", 1, 30.0), facts("peer", 1, 10.0)]
    ratio = load("results").summarise([probe("convwise"), probe("peer")], rounds)["ratios"][0]
    assert (ratio["min"], ratio["median"], ratio["max"], ratio["n"]) == (2.0, 2.5, 3.0, 2)
    assert not ratio["projected"]


def test_who_is_over_the_cap_is_projected_and_says_so(load) -> None:
    probes = [probe("convwise"), probe("slow", measured=False)]
    found = load("results").summarise(probes, [facts("convwise", 0, 4.0)])
    assert found["results"][1]["projected"]
    assert found["results"][1]["images_per_second"]["median"] == 0.5
    assert found["ratios"][0]["projected"]
    assert found["ratios"][0]["median"] == 8.0


def test_a_failed_worker_stays_in_the_results(load) -> None:
    failed = {"contender": "peer", "batch": 8, "round": 0, "error": "ended with status 1"}
    found = load("results").summarise([probe("convwise"), probe("peer")], [failed])
    row = found["results"][1]
    assert (row["n"], row["failed"], row["error"]) == (0, 1, "ended with status 1")


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("print('noise'); print('{\"answer\": 1}')", None),
        ("print('no json')", "printed no JSON"),
        ("raise SystemExit(3)", "ended with status 3"),
        ("import time; time.sleep(60)", "stopped after 3 s"),
    ],
)
def test_run_worker(load, program: str, error: str | None) -> None:
    found = load("measuring").run_worker([sys.executable, "-c", program], os.environ, SECONDS)
    assert found.get("error") == error
    assert ("answer" in found) == (error is None)


def test_write_json_leaves_the_file_before_it_where_it_fails(load, tmp_path: Path) -> None:
    write_json, path = load("measuring").write_json, tmp_path / "new" / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(path.parent.iterdir()) == [path]


def test_a_sample_of_two_classes_is_refused(load) -> None:
    require_balance = load("train_throughput").require_balance
    require_balance(np.arange(100) % 10, 100)
    with pytest.raises(SystemExit, match="evenly of 10 classes"):
        require_balance(np.arange(100) % 2, 100)
