from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from convwise.data.dataset import Decoded
from convwise.errors import DataError, DesignError, OptionError
from convwise.studies import claims, trial
from convwise.studies.cell import read_cell
from convwise.studies.claims import Claims
from convwise.studies.question import Question
from convwise.studies.study import Study, study
from toy_study import NETWORK, Notes, make_decoded, make_question


def run(
    decoded: Decoded, out: Path, question: Question | None = None, **options: object
) -> tuple[Study, Notes]:
    notes = Notes()
    asked = [question or make_question()]
    given = {"seeds": 2, "epochs": 2, "threads": 1, "fuse": False} | options
    return study(decoded, asked, out=out, watcher=notes, **given), notes  # type: ignore[arg-type]


def scores(folder: Path) -> dict[str, object]:
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))["scores"]
        for path in (folder / "cells").iterdir()
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return run(make_decoded(), tmp_path_factory.mktemp("studies") / "toy")[0]


def test_one_network_under_two_names_does_the_same_to_the_bit(finished: Study) -> None:
    finding = finished.findings[0]
    assert finding.by_seed == (0.0, 0.0)
    assert finding.verdict.word == "equivalent"
    found = scores(finished.folder)
    assert found["toy--arm-0--1.json"] == found["toy--arm-1--1.json"]
    assert found["toy--arm-0--0.json"] != found["toy--arm-0--1.json"]


def test_a_finding_has_the_keys_that_are_promised(finished: Study) -> None:
    document = json.loads(json.dumps(finished.to_json()))
    assert {"question", "arms", "difference", "interval", "verdict", "cost"} <= set(
        document["findings"][0]
    )
    assert document["findings"][0]["arms"] == ["arm-1", "arm-0"]
    assert document["findings"][0]["cost"]["arm-0"]["params"] > 0


def test_a_cell_is_read_as_it_was_written(finished: Study) -> None:
    path = finished.folder / "cells" / "toy--arm-0--0.json"
    cell = read_cell(path)
    assert cell is not None
    assert cell.to_json() == json.loads(path.read_text(encoding="utf-8")) | {"pictures": []}


def test_what_is_done_is_not_done_again_and_more_seeds_extend_it(
    decoded: Decoded, tmp_path: Path
) -> None:
    _, first = run(decoded, tmp_path / "toy", seeds=1)
    assert first.cells == ["toy--arm-0--0", "toy--arm-1--0"]
    longer, second = run(decoded, tmp_path / "toy", seeds=2)
    assert second.cells == ["toy--arm-0--1", "toy--arm-1--1"]
    assert longer.findings[0].seeds == (0, 1)
    _, third = run(decoded, tmp_path / "toy", seeds=2)
    assert third.cells == []


def test_verdicts_are_told_after_each_seed(decoded: Decoded, tmp_path: Path) -> None:
    _, notes = run(decoded, tmp_path / "toy")
    assert [said[0].findings[0].seeds for said in notes.said] == [(0,), (0, 1)]


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"scores": 3}'])
def test_a_damaged_cell_is_done_again(decoded: Decoded, tmp_path: Path, damage: bytes) -> None:
    run(decoded, tmp_path / "toy", seeds=1)
    (tmp_path / "toy" / "cells" / "toy--arm-0--0.json").write_bytes(damage)
    _, notes = run(decoded, tmp_path / "toy", seeds=1)
    assert notes.cells == ["toy--arm-0--0"]


def test_another_network_under_the_same_name_is_trained_anew(
    decoded: Decoded, tmp_path: Path
) -> None:
    run(decoded, tmp_path / "toy", seeds=1)
    changed = make_question(networks=(NETWORK, NETWORK.replace("conv 4", "conv 5")))
    _, notes = run(decoded, tmp_path / "toy", changed, seeds=1)
    assert notes.cells == ["toy--arm-1--0"]


def test_other_images_or_another_scale_need_another_folder(
    decoded: Decoded, tmp_path: Path
) -> None:
    run(decoded, tmp_path / "toy", seeds=1)
    with pytest.raises(OptionError, match="other images"):
        run(make_decoded(seed=9), tmp_path / "toy")
    with pytest.raises(OptionError, match="epochs = 2, not 3"):
        run(decoded, tmp_path / "toy", epochs=3)


def test_a_folder_of_something_else_is_left_alone(decoded: Decoded, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear reader")
    with pytest.raises(OptionError, match="no study"):
        run(decoded, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_damaged_record_of_the_study_is_named(decoded: Decoded, tmp_path: Path) -> None:
    run(decoded, tmp_path / "toy", seeds=1)
    (tmp_path / "toy" / "study.json").write_text("{")
    with pytest.raises(DataError, match=r"study\.json cannot be read"):
        run(decoded, tmp_path / "toy")


def test_an_arm_that_does_not_fit_the_images_is_named_before_anything_is_trained(
    decoded: Decoded, tmp_path: Path
) -> None:
    large = make_question("large", networks=(NETWORK, "conv 4 20 | flatten | dense classes"))
    with pytest.raises(DesignError, match="the arm arm-1 of the question large"):
        run(decoded, tmp_path / "large", large)
    assert not list((tmp_path / "large" / "cells").iterdir())


def test_fewer_images_are_the_same_ones_for_all_arms(decoded: Decoded, tmp_path: Path) -> None:
    found, _ = run(decoded, tmp_path / "toy", images=24, seeds=1)
    assert found.facts["data"]["train_images"] == 24
    assert found.findings[0].by_seed == (0.0,)


def test_a_budget_says_what_it_gives_up_and_leaves_out_what_has_no_time(
    decoded: Decoded, tmp_path: Path
) -> None:
    found, notes = run(decoded, tmp_path / "toy", budget=0.001, seeds=4, epochs=None)
    assert any("gives up 2 of 4 seeds" in message for message in notes.messages)
    assert "4 of 4 cells, as the time was over" in found.facts["given_up"]
    assert found.answers[0].sentence == "arm-1 and arm-0 have no seed in common yet."


def test_a_study_that_was_fitted_goes_on_with_its_own_seeds_and_scale(
    decoded: Decoded, tmp_path: Path
) -> None:
    first, _ = run(decoded, tmp_path / "toy", budget=0.001, seeds=4, epochs=None)
    second, notes = run(decoded, tmp_path / "toy", budget=600.0, seeds=4, epochs=None)
    assert second.facts["scale"] == first.facts["scale"]
    assert len(notes.cells) == 2 * second.facts["seeds"] == 4
    assert second.facts["given_up"] == first.facts["given_up"][:-1]


def test_a_stopped_training_is_not_kept(
    decoded: Decoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = trial.fit_model

    def stopped(*given: object, **named: object) -> object:
        return dataclasses.replace(fit(*given, **named), ending="interrupted")  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "fit_model", stopped)
    with pytest.raises(trial.Interrupted):
        run(decoded, tmp_path / "toy")
    assert not list((tmp_path / "toy" / "cells").iterdir())
    assert not list((tmp_path / "toy" / "claims").iterdir())


def test_a_claim_is_one_processs_own(tmp_path: Path) -> None:
    with Claims(tmp_path).claimed("cell") as first, Claims(tmp_path).claimed("cell") as second:
        assert (first, second) == (True, False)
    with Claims(tmp_path).claimed("cell") as again:
        assert again


def test_the_claim_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    claim = "import sys; from pathlib import Path; from convwise.studies.claims import _made"
    subprocess.run(
        [sys.executable, "-c", f"{claim}; _made(Path(sys.argv[1]))", str(tmp_path / "cell.claim")],
        check=True,
    )
    with Claims(tmp_path).claimed("cell") as ours:
        assert ours


def test_a_claim_from_elsewhere_is_taken_over_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cell.claim"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "born": "1"}))
    with Claims(tmp_path).claimed("cell") as ours:
        assert not ours
    silent = time.time() - claims.STALE_AFTER - 1
    os.utime(path, (silent, silent))
    with Claims(tmp_path).claimed("cell") as ours:
        assert ours


def test_a_claim_that_is_being_written_is_respected(tmp_path: Path) -> None:
    (tmp_path / "cell.claim").touch()
    with Claims(tmp_path).claimed("cell") as ours:
        assert not ours


WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from convwise.studies import trial
from convwise.studies.study import study
from toy_study import Notes, make_decoded, make_question

class Told(Notes):
    def cell_started(self, name):
        print(name, flush=True)

fit = trial.fit_model
def slowly(*given, **named):
    time.sleep(0.05)
    return fit(*given, **named)
trial.fit_model = slowly
study(make_decoded(), [make_question()], int(sys.argv[3]), epochs=2, threads=1, fuse=False,
      out=sys.argv[2], watcher=Told())
print("end", flush=True)
"""
HERE = str(Path(__file__).parents[2])


def start(out: Path, seeds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, HERE, str(out), str(seeds)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_never_do_a_cell_twice(tmp_path: Path) -> None:
    workers = [start(tmp_path / "toy", seeds=6) for _ in range(2)]
    told = [worker.communicate(timeout=100)[0].split() for worker in workers]
    assert [lines[-1] for lines in told] == ["end", "end"]
    done = [name for lines in told for name in lines[:-1]]
    assert len(done) == len(set(done)) == 12


def test_a_study_that_is_killed_loses_only_the_cell_in_flight(
    finished: Study, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    started: list[str] = []
    for _ in range(2):
        worker = start(tmp_path / "toy", seeds=2)
        assert worker.stdout is not None
        started.append(worker.stdout.readline().strip())
        time.sleep(random.uniform(0.0, 0.3))
        worker.send_signal(signal.SIGKILL)
        rest = worker.communicate()[0].split()
        started += [name for name in rest if name != "end"]
    found, notes = run(make_decoded(), tmp_path / "toy")
    assert len(started) + len(notes.cells) <= 4 + 2
    assert scores(tmp_path / "toy") == scores(finished.folder)
    assert [each.by_seed for each in found.findings] == [each.by_seed for each in finished.findings]
