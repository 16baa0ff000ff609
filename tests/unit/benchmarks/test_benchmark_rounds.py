"""Taking turns: the protocol with workers, the stopwatch, the gate, and the tables."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"
FAKE = """
import json, sys
def tell(**facts): print(json.dumps(facts), flush=True)
tell(parameters=7)
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "learn":
        tell(images_per_second=50.0, seconds=2.0, test_accuracy=0.5, given_up=GIVEN_UP)
    elif command["do"] == "rounds":
        tell()
    elif command["do"] == "fail":
        raise SystemExit(5)
    elif command["do"] == "spin":
        tell()
        while True: pass
    else:
        tell(images_per_second=10.0, cpu_seconds=0.0)
"""


class FakeWorker:
    """Answers as a worker would, and writes down who was asked what."""

    def __init__(self, name: str, log: list[tuple[str, str]], breaks_at: int | None = None) -> None:
        self.name, self.log, self.breaks_at = name, log, breaks_at
        self.ready = {"parameters": 7}
        self.rounds = 0
        self.closed = False

    def ask(self, command, timeout: float) -> dict:
        self.log.append((self.name, command["do"]))
        if command["do"] == "learn":
            slow = self.name == "slow"
            facts = {"images_per_second": 64.0, "seconds": 1.0, "test_accuracy": 0.5}
            return facts | ({"given_up": True} if slow else {})
        if command["do"] == "round":
            self.rounds += 1
            if self.rounds == self.breaks_at:
                return {"error": "ended with status 9"}
        return {"images_per_second": 100.0 + self.rounds}

    def close(self) -> None:
        self.closed = True


def course(load, rounds: int = 3):
    learn = {"images": 64, "test_images": 8, "epochs": 2, "cap": 60.0}
    return load("rounds").Course(batch=8, learn=learn, rounds=rounds, seconds=1.0, images=64)


def test_everybody_learns_then_all_take_turns_from_another_start(load) -> None:
    log: list[tuple[str, str]] = []
    rows = load("rounds").compete(
        ["a", "b"], lambda name: FakeWorker(name, log), course(load), lambda news: None
    )
    assert [each for each in log if each[1] == "learn"] == [("a", "learn"), ("b", "learn")]
    turns = [name for name, what in log if what == "round"]
    # Each warms up by a round that does not count.
    assert turns == ["a", "b", *"ab", *"ba", *"ab"]
    assert [row["contender"] for row in rows] == ["a", "b"]
    assert [each["round"] for each in rows[0]["rounds"]] == [0, 1, 2]
    assert rows[0]["rounds"][0]["images_per_second"] == 102.0
    assert rows[0]["steps"] == 8


def test_who_is_given_up_is_closed_and_takes_no_turn(load) -> None:
    log: list[tuple[str, str]] = []
    workers = {name: FakeWorker(name, log) for name in ("a", "slow")}
    rows = load("rounds").compete(
        list(workers), workers.__getitem__, course(load), lambda news: None
    )
    assert ("slow", "round") not in log
    assert rows[1]["rounds"] == []
    assert rows[1]["learn"]["given_up"]
    assert all(worker.closed for worker in workers.values())


def test_one_failure_does_not_end_the_others(load) -> None:
    log: list[tuple[str, str]] = []
    workers = {"a": FakeWorker("a", log), "b": FakeWorker("b", log, breaks_at=3)}
    rows = load("rounds").compete(
        list(workers), workers.__getitem__, course(load), lambda news: None
    )
    assert len(rows[0]["rounds"]) == 3
    assert "error" not in rows[0]
    assert len(rows[1]["rounds"]) == 1
    assert rows[1]["error"] == "ended with status 9"


def fake(load, given_up: bool = False, timeout: float = 20.0):
    program = FAKE.replace("GIVEN_UP", str(given_up))
    return load("measuring").Worker([sys.executable, "-c", program], {}, timeout)


def test_a_worker_answers_commands_and_tells_how_it_ended(load) -> None:
    worker = fake(load)
    try:
        assert worker.ready == {"parameters": 7}
        assert worker.ask({"do": "learn"}, 20.0)["test_accuracy"] == 0.5
        found = worker.ask({"do": "round"}, 20.0)
        assert found["images_per_second"] == 10.0
        assert found["other_cores_busy"] is None or found["other_cores_busy"] >= 0
        assert worker.ask({"do": "fail"}, 20.0) == {"error": "ended with status 5"}
        assert worker.ask({"do": "round"}, 20.0) == {"error": "ended with status 5"}
    finally:
        worker.close()


def test_a_worker_that_does_not_start_says_so(load) -> None:
    worker = load("measuring").Worker([sys.executable, "-c", "raise SystemExit(3)"], {}, 20.0)
    worker.close()
    assert worker.ready == {"error": "ended with status 3"}


def test_a_worker_that_takes_too_long_is_an_error(load) -> None:
    program = "import time; time.sleep(60)"
    worker = load("measuring").Worker([sys.executable, "-c", program], {}, 0.2)
    worker.close()
    assert "stopped after" in worker.ready["error"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_an_idle_worker_burns_no_processor_time(load) -> None:
    worker = fake(load)
    try:
        worker.ask({"do": "spin"}, 20.0)
        state = Path(f"/proc/{worker._process.pid}/stat")
        for _ in range(200):
            if state.read_text().rsplit(")", 1)[1].split()[0] == "T":
                break
            time.sleep(0.01)
        else:
            pytest.fail("the worker was not stopped")
    finally:
        worker.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends orphans")
def test_a_stopped_worker_ends_with_its_parent(load, tmp_path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(FOLDER)!r})\n"
        "from measuring import Worker\n"
        "child = 'import time; print({}, flush=True); time.sleep(60)'\n"
        "worker = Worker([sys.executable, '-c', child], {}, 20.0)\n"
        "print(worker._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    state = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(200):
        # Gone, or dead and not yet collected by whoever inherits it.
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("the worker outlived its parent")


def test_the_gate_stops_a_training_after_each_round(load) -> None:
    worker, told = load("worker"), []
    commands: Iterator[dict] = iter([{"do": "round"}, {"do": "round"}])
    gate = worker.Gate(3, commands, told.append)
    gate.open()
    for _ in range(5):
        gate.step(128)
    with pytest.raises(worker.RoundsOver):
        gate.step(128)
    assert [each["steps"] for each in told] == [3, 3]
    for each in told:
        assert each["images_per_second"] == pytest.approx(3 * 128 / each["seconds"])


def stopwatch(load, ends: list[float], **limits):
    """Return a stopwatch that has seen steps end at these seconds, and whether it stopped."""
    worker = load("worker")
    watch = worker.Stopwatch(batch=10, steps_in_all=100, **limits)
    clock = iter(ends)
    worker.time = type("Clock", (), {"perf_counter": lambda: next(clock)})
    watch.mark = 0.0
    try:
        for _ in ends:
            watch.step()
    except worker.ProbeDone:
        return watch, True
    return watch, False


def test_a_probe_leaves_the_first_step_out(load) -> None:
    watch, stopped = stopwatch(load, [5.0, 6.0, 7.0], probe_steps=3)
    assert stopped
    assert watch.facts()["images_per_second"] == 10.0
    assert watch.facts()["first_step_seconds"] == 5.0


def test_a_training_over_the_cap_is_given_up_by_its_quickest_step(load) -> None:
    watch, stopped = stopwatch(load, [9.0, 12.0, 14.0, 18.0, 20.0], cap=100.0)
    assert stopped
    assert len(watch.steps) == 4
    facts = watch.facts()
    assert facts["given_up"]
    assert facts["projected_seconds"] == 200.0
    assert facts["images_per_second"] == 5.0
    watch, stopped = stopwatch(load, [9.0, 12.0, 12.5, 16.0, 20.0], cap=100.0)
    assert not stopped


def test_whole_trainings_probe_twice_before_they_shut_anyone_out(load) -> None:
    speeds = {"quick": [50.0], "unlucky": [0.5, 50.0], "slow": [0.5, 0.4]}
    asked: list[tuple[str, int]] = []

    class Once(FakeWorker):
        def ask(self, command, timeout: float) -> dict:
            if "probe_steps" in command:
                speed = speeds[self.name].pop(0)
                return {"images_per_second": speed, "projected_seconds": 100 / speed}
            return {"images_per_second": 60.0}

    def start(name: str, seed: int) -> Once:
        asked.append((name, seed))
        return Once(name, [])

    rows = load("whole_trainings").train_whole(
        list(speeds), start, rounds=2, cap=10.0, images=100, tell=lambda news: None
    )
    assert [len(row["rounds"]) for row in rows] == [2, 2, 0]
    assert [row["learn"]["given_up"] for row in rows] == [False, False, True]
    assert rows[2]["learn"]["images_per_second"] == 0.5
    assert asked[-2:] == [("unlucky", 1), ("quick", 1)]


def train_facts(load, mode: str = "rounds") -> dict:
    names = ("convwise", "keras-tf-fp32", "torch-bf16")
    cells = [
        {
            "net": "fast",
            "batch": 128,
            "contender": name,
            "learn": {"train_accuracy": 0.5, "test_accuracy": 0.6, "given_up": False},
            "rounds": [{"round": 0, "images_per_second": speed, "seconds": 1.0}],
        }
        for name, speed in zip(names, (30.0, 5.0, 15.0), strict=True)
    ]
    machine = {"cpu": "CPU", "threads": 2, "memory_gb": 25, "isa": None}
    facts = {"mode": mode, "machine": machine, "date": "today", "quick": True, "complete": True}
    facts["task"] = {"images": 60_000}
    defaults = load("entrants").DEFAULTS
    return facts | load("results").summarise(cells, defaults, ("images_per_second", "seconds"))


def test_the_tables_tell_goals_met_and_missed(load) -> None:
    text = load("tables").train_tables(train_facts(load))
    assert (
        "| fast | 128 | any precision | PyTorch, bf16 channels_last | 2.00 | 2.5 missed | 1 |"
        in text
    )
    assert "| fast | 128 | default | Keras on TensorFlow | 6.00 | 5 met | 1 |" in text
    assert "A trial with --quick" in text
    assert "images/s, epoch 2" in load("tables").train_tables(train_facts(load, mode="whole"))


def test_every_entrant_has_a_title(load) -> None:
    assert load("tables").TITLES == load("entrants").TITLES


def test_tables_are_printed_from_files(load, tmp_path, monkeypatch, capsys) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"benchmark": "train_throughput", **train_facts(load)}))
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"benchmark": "something else"}))
    monkeypatch.setattr(sys, "argv", ["tables.py", str(path), str(other)])
    assert load("tables").main() == 0
    out, err = capsys.readouterr()
    assert out.startswith("### train\n")
    assert "other.json: no table" in err


def test_peers_get_the_programs_that_convwise_prints(load, tmp_path) -> None:
    net = load("nets").print_net("keras-convnet", tmp_path)
    assert net.parameters == 34_826
    program = load("worker").load_program(net.programs["torch"])
    assert sum(weight.numel() for weight in program.Network().parameters()) == 34_826
    assert "keras.Model" in net.programs["keras"].read_text()


def test_another_network_is_refused(load, tmp_path) -> None:
    entrants = load("entrants")
    net = load("nets").Net("net", 8, 1, {"torch": tmp_path})
    setting = entrants.Setting(tmp_path, {None: Path(sys.executable)}, 1, None, tmp_path)
    entrants.Worker = lambda *words: FakeWorker("fake", [])
    worker = setting.start(entrants.ENTRANTS[-1], net, 128)
    assert worker.ready["error"] == "has another network: 7 parameters, not 8"


def test_a_narrower_instruction_set_is_told_to_everyone_and_has_caches_of_its_own(
    load, tmp_path
) -> None:
    entrants = load("entrants")
    setting = entrants.Setting(tmp_path, {}, 1, "AVX2", tmp_path)
    for entrant in entrants.ENTRANTS:
        found = setting.environment(entrant)
        assert found["ONEDNN_MAX_CPU_ISA"] == "AVX2"
        assert found["NUMBA_CPU_NAME"] == "generic"
        assert found["XDG_CACHE_HOME"] == str(tmp_path / "AVX2")
