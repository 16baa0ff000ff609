"""The benchmarks' arithmetic and their handling of processes, without any peer."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

SECONDS = 3.0


def cell(contender: str, *speeds: float, batch: int = 8, **more) -> dict:
    rounds = [{"round": n, "images_per_second": speed} for n, speed in enumerate(speeds)]
    return {"net": "net", "batch": batch, "contender": contender, "rounds": rounds, **more}


def summary(load, *cells: dict, defaults: tuple = ("peer",)) -> dict:
    return load("results").summarise(cells, defaults, ("images_per_second",))


def test_ratios_are_taken_within_rounds(load) -> None:
    found = summary(load, cell("convwise", 4.0, 30.0), cell("peer", 2.0, 10.0))
    (ratio,) = found["ratios"]
    assert (ratio["min"], ratio["median"], ratio["max"], ratio["n"]) == (2.0, 2.5, 3.0, 2)
    assert not ratio["projected"]


def test_groups_are_not_compared_with_each_other(load) -> None:
    found = summary(load, cell("convwise", 4.0), cell("peer", 2.0, batch=16))
    assert found["ratios"] == []


def test_who_is_over_the_cap_is_projected_and_says_so(load) -> None:
    slow = cell("slow", learn={"given_up": True, "images_per_second": 0.5})
    found = summary(load, cell("convwise", 4.0), slow)
    assert found["results"][1]["projected"]
    assert found["results"][1]["images_per_second"]["median"] == 0.5
    assert found["ratios"][0]["projected"]
    assert found["ratios"][0]["median"] == 8.0


def test_a_failed_worker_stays_in_the_results(load) -> None:
    failed = cell("peer", error="ended with status 1")
    row = summary(load, cell("convwise", 4.0), failed)["results"][1]
    assert (row["n"], row["projected"], row["error"]) == (0, False, "ended with status 1")
    whole = cell("peer")
    whole["rounds"] = [{"round": 0, "error": "stopped after 9 s"}]
    row = summary(load, cell("convwise", 4.0), whole)["results"][1]
    assert (row["n"], row["failed"], row["error"]) == (0, 1, "stopped after 9 s")


def test_the_best_peer_and_the_best_default_are_found_in_each_group(load) -> None:
    cells = [cell("convwise", 12.0), cell("tuned", 6.0), cell("peer", 3.0), cell("slow", 2.0)]
    best = summary(load, *cells, defaults=("peer", "slow"))["best"]
    assert [(row["role"], row["peer"], row["median"]) for row in best] == [
        ("best", "tuned", 2.0),
        ("best default", "peer", 4.0),
    ]


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
    require_balance = load("sample").require_balance
    require_balance(np.arange(100) % 10, 100)
    with pytest.raises(SystemExit, match="evenly of 10 classes"):
        require_balance(np.arange(100) % 2, 100)
