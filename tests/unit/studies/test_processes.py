from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from convwise.data.dataset import Decoded
from convwise.studies.claims import _born
from convwise.studies.study import Study, study
from toy_study import Notes, make_question

HERE = str(Path(__file__).parents[2])


def run(decoded: Decoded, out: Path, processes: int) -> tuple[Study, Notes]:
    notes = Notes()
    made = study(
        decoded,
        [make_question()],
        2,
        epochs=2,
        processes=processes,
        threads=1,
        fuse=False,
        out=out,
        watcher=notes,
    )
    return made, notes


def scores(folder: Path) -> dict[str, object]:
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))["scores"]
        for path in (folder / "cells").iterdir()
    }


def test_several_processes_find_what_one_finds(decoded: Decoded, tmp_path: Path) -> None:
    one, _ = run(decoded, tmp_path / "one", 1)
    two, notes = run(decoded, tmp_path / "two", 2)
    assert scores(tmp_path / "two") == scores(tmp_path / "one")
    assert [each.sentence for each in two.findings] == [each.sentence for each in one.findings]
    assert len(notes.cells) == len(set(notes.cells)) == 4
    assert two.facts["computing"]["processes"] == 2
    assert not list((tmp_path / "two" / "claims").iterdir())


LEADER = """
import multiprocessing, sys
sys.path.insert(0, sys.argv[1])
from convwise.studies.study import study
from toy_study import Notes, make_decoded, make_question

class Told(Notes):
    def cell_done(self, name, done, left):
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)

study(make_decoded(), [make_question()], 1000, epochs=2, processes=2, threads=1, fuse=False,
      out=sys.argv[2], watcher=Told())
"""


def test_processes_end_with_the_one_that_leads_them(tmp_path: Path) -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER, HERE, str(tmp_path / "toy")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert leader.stdout is not None
    children = leader.stdout.readline().split()
    assert len(children) == 2
    leader.send_signal(signal.SIGKILL)
    leader.communicate()
    until = time.monotonic() + 30
    while any(_born(int(child)) for child in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_born(int(child)) for child in children)
    claims = (tmp_path / "toy" / "claims").glob("*.claim")
    assert len(list(claims)) <= 2, "only the cells in flight are lost"
