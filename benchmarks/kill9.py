"""Kill trainings at random moments, resume them to the end, and compare the weights.

    python benchmarks/kill9.py --points 200 --seed 7

One training is left alone; it gives the SHA-256 that all must end with. Then each point trains the
same anew and is killed with SIGKILL: in even points at a random time of its life, in odd ones at a
random call of a save, before it, after it, or with half of its bytes written. What is left is
resumed, sometimes killed again, and at last resumed to the end. Who was killed before its first
checkpoint has nothing to go on from; it begins anew, and is told of.

Importing torch takes longer than the training, so the trainings are forked from one process that
has imported everything, and has computed nothing and started no thread.
"""

from __future__ import annotations

import argparse
import bisect
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import write_json

from convwise.data import load_data
from convwise.data.dataset import Decoded
from convwise.errors import OptionError
from convwise.kernels import available
from convwise.report.of_run import report_run
from convwise.training import storage
from convwise.training.checkpoint import FILE_NAME
from convwise.training.job import spread
from convwise.training.keeper import Saving
from convwise.training.machine import machine_facts, package_versions
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.resume import resume
from convwise.training.run import REPORT
from convwise.training.train import train

NETWORK = (
    "conv 8 3 same norm relu | maxpool 2 | dropout 0.2 | conv 16 3 same norm relu | maxpool 2 |"
    " flatten | dense classes"
)
RECIPE = Recipe(epochs=3, batch_size=20, shift=1, rotate=10)
EVERY = 0.05
SMALL = {"train": 500, "validation": 60, "test": 60}
# What a save asks of the system.
CALLS = ("open", "write", "fsync", "replace")
MOST_KILLS = 3
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
RESULTS = Path(__file__).with_name("results") / "kill9.json"

Facts = dict[str, Any]


@dataclass(frozen=True)
class Blow:
    """When a process is killed.

    Args:
        events: after so many steps, epochs and messages, or None.
        seconds: and so long after the last of these.
        call: at which of the calls of its saves, counted from 1, or None.
        place: ``before`` the call, ``after`` it, or ``half``: half of the bytes are written.
    """

    events: int | None = None
    seconds: float = 0.0
    call: int | None = None
    place: str = "before"


def small_data() -> Decoded:
    """Return some hundred images of Fashion-MNIST; and import what a training imports late."""
    for name in ("parallel", "batch_norm", "dropout", "max_pool", "pictures"):
        importlib.import_module(f"convwise.kernels.{name}")
    return spread(load_data("fashion-mini").decode(), SMALL)


class Telling(Watcher):
    """Writes a byte for each event to whoever waits for one."""

    def __init__(self, end: int) -> None:
        self._end = end

    def message(self, text: str) -> None:
        os.write(self._end, b"m")

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        os.write(self._end, b"b")

    def step(self, *values: float) -> None:
        os.write(self._end, b"s")

    def epoch(self, record: EpochRecord) -> None:
        os.write(self._end, b"e")


Work = Callable[[Watcher], None]


def training(data: Decoded, folder: Path) -> Work:
    def work(watcher: Watcher) -> None:
        options: Facts = {"precision": "fp32", "threads": 1, "saving": Saving(every=EVERY)}
        report_run(train(data, NETWORK, RECIPE, out=folder, seed=1, watcher=watcher, **options))

    return work


def resuming(data: Decoded, folder: Path) -> Work:
    def work(watcher: Watcher) -> None:
        report_run(resume(folder, data, watcher=watcher, complete=(REPORT,)))

    return work


def weights_digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def timeless(folder: Path) -> list[Any]:
    """Return what else a run leaves, without its times."""
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    history = [json.loads(line) for line in lines]
    for record in history:
        del record["seconds"], record["images_per_second"]
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return [history, metrics, (folder / "predictions.csv").read_text(encoding="utf-8"), names]


class Calls:
    """Counts the calls of saves in this process, and dies at one of them."""

    def __init__(self, blow: Blow) -> None:
        self.count = 0
        self._blow = blow

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if sys._getframe(1).f_code.co_filename != storage.__file__:
                return real(*arguments, **options)
            self.count += 1
            due = self.count == self._blow.call
            if due and self._blow.place == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if due and self._blow.place == "half" and name == "write":
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **options)
            if due:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def forked(work: Work, blow: Blow, log: Path) -> tuple[int, list[float]]:
    """Do the work in a process of its own, which meets the blow.

    Returns:
        Its exit status, negative where a signal ended it; and the seconds of its events.
    """
    begun, moments = time.perf_counter(), list[float]()
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _child(work, Telling(writing), blow, log)
    os.close(writing)
    struck = False
    while True:
        if len(moments) == blow.events and not struck:
            time.sleep(blow.seconds)
            os.kill(process, signal.SIGKILL)
            struck = True
        if not os.read(reading, 1):
            break
        moments.append(time.perf_counter() - begun)
    os.close(reading)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), moments


def _child(work: Work, watcher: Watcher, blow: Blow, log: Path) -> None:
    code = 1
    try:
        calls = Calls(blow)
        calls.install()
        work(watcher)
        log.with_suffix(".calls").write_text(str(calls.count))
        code = 0
    except OptionError as error:
        # It was killed with all its work done.
        log.write_text(str(error))
        code = 0 if "is finished" in str(error) else 1
    except BaseException:
        log.write_text(traceback.format_exc())
    finally:
        os._exit(code)


@dataclass
class Point:
    """One training that is killed until it is let live.

    Args:
        data: what it learns from.
        number: of the point.
        seed: of the benchmark.
        alone: what the training that was left alone has told.
        folder: for its run.
    """

    data: Decoded
    number: int
    seed: int
    alone: Facts
    folder: Path

    def __post_init__(self) -> None:
        self._draws = random.Random(f"{self.seed} {self.number}")
        self._run, self._log = self.folder / "run", self.folder / "log.txt"
        self.facts: Facts = {"point": self.number, "kills": [], "anew": 0, "outlived": 0}

    def measure(self) -> Facts:
        """Kill, resume, compare."""
        self.folder.mkdir(parents=True)
        wanted = self._draws.choice((1, 1, 2, MOST_KILLS))
        try:
            alive = False
            while not alive and len(self.facts["kills"]) < wanted:
                alive = self._strike()
            code = 0 if alive else forked(resuming(self.data, self._run), Blow(), self._log)[0]
            self.facts["ok"] = code == 0 and self._same()
            if code:
                self.facts["error"] = self._log.read_text()
        except AssertionError as error:
            self.facts |= {"ok": False, "error": str(error)}
        if self.facts["ok"]:
            shutil.rmtree(self.folder)
        return self.facts

    def _strike(self) -> bool:
        """Train or resume until the blow falls; return whether the end came first."""
        blow, begun = self._blow(), bool(self.facts["kills"])
        work = (resuming if begun else training)(self.data, self._run)
        code, _ = forked(work, blow, self._log)
        if code == -signal.SIGKILL:
            if (self._run / "checkpoint" / FILE_NAME).exists():
                self.facts["kills"].append({"resumed": begun, **vars(blow)})
            else:
                # Nothing was learnt, so nothing was lost.
                self.facts["anew"] += 1
                shutil.rmtree(self._run, ignore_errors=True)
            return False
        assert code == 0, self._log.read_text()
        self.facts["outlived"] += 1
        if not begun:
            shutil.rmtree(self._run)
        return begun

    def _blow(self) -> Blow:
        if self.number % 2:
            place = self._draws.choice(("before", "after", "half"))
            return Blow(call=self._draws.randint(1, self.alone["calls"]), place=place)
        # At a time of the life of the one that was left alone, told in what it had done by then.
        moment = self._draws.uniform(0, self.alone["seconds"])
        events = bisect.bisect(self.alone["moments"], moment)
        return Blow(events, moment - [0.0, *self.alone["moments"]][events])

    def _same(self) -> bool:
        if weights_digest(self._run) != self.alone["sha256"]:
            self.facts["error"] = "other weights"
        elif timeless(self._run) != self.alone["timeless"]:
            self.facts["error"] = "the weights are the same, but not all that the run tells"
        return "error" not in self.facts


def threads_that_a_fork_loses() -> list[str]:
    """Return the names of this process's other threads, but for one that knows of forks.

    That is jemalloc's, which comes with pyarrow wherever scikit-learn finds that installed.
    """
    own = str(os.getpid())
    names = {
        task.name: (task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()
    }
    return [name for task, name in names.items() if task != own and name != "jemalloc_bg_thd"]


def leave_alone(data: Decoded, folder: Path) -> Facts:
    """Train without any blow; twice, so that the second one finds the kernels compiled."""
    for number in range(2):
        run = folder / f"alone-{number}"
        begun = time.perf_counter()
        log = folder / "alone.txt"
        code, moments = forked(training(data, run), Blow(), log)
        if code:
            raise SystemExit(log.read_text())
        seconds = time.perf_counter() - begun
    digests = {weights_digest(folder / f"alone-{number}") for number in range(2)}
    if len(digests) > 1:
        raise SystemExit("two trainings that were left alone differ; nothing can be compared")
    return {
        "seconds": seconds,
        "moments": moments,
        "calls": int(log.with_suffix(".calls").read_text()),
        "sha256": digests.pop(),
        "timeless": timeless(folder / "alone-1"),
    }


def summary(points: list[Facts], alone: Facts, seed: int) -> Facts:
    """Return what is written and printed."""
    kills = [kill for point in points for kill in point["kills"]]
    return {
        "points": len(points),
        "same_weights": sum(point["ok"] for point in points),
        "seed": seed,
        "sha256": alone["sha256"],
        "kills": len(kills),
        "kills_in_a_save": sum(kill["call"] is not None for kill in kills),
        "kills_of_a_resumed_run": sum(kill["resumed"] for kill in kills),
        "begun_anew": sum(point["anew"] for point in points),
        "ended_before_the_blow": sum(point["outlived"] for point in points),
        "kills_per_point": dict(sorted(Counter(len(p["kills"]) for p in points).items())),
        "training": {"network": NETWORK, "recipe": RECIPE.model_dump(exclude_unset=True)},
        "checkpoint_every_seconds": EVERY,
        "seconds_alone": alone["seconds"],
        "calls_alone": alone["calls"],
        "kernels": available(),
        "machine": machine_facts(),
        "versions": package_versions(),
        "failed": [point for point in points if not point["ok"]],
    }


def _work(data: Decoded, numbers: range, seed: int, alone: Facts, folder: Path) -> None:
    """Measure some of the points; a line each in a file, which the parent reads."""
    with (folder / f"worker-{numbers.start}.jsonl").open("w", encoding="utf-8") as stream:
        for number in numbers:
            facts = Point(data, number, seed, alone, folder / f"point-{number}").measure()
            stream.write(json.dumps(facts) + "\n")
            stream.flush()
            print(f"point {number}: {'same' if facts['ok'] else facts['error']}", file=sys.stderr)


def measure(points: int, seed: int, workers: int, folder: Path) -> Facts:
    """Return the summary of so many points."""
    data = small_data()
    if lost := threads_that_a_fork_loses():
        raise SystemExit(f"a fork would lose the threads {', '.join(lost)}; nothing is measured")
    alone = leave_alone(data, folder)
    context = multiprocessing.get_context("fork")
    parts = [range(first, points, workers) for first in range(min(workers, points))]
    processes = [
        context.Process(target=_work, args=(data, part, seed, alone, folder)) for part in parts
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = [
        json.loads(line)
        for part in parts
        for line in (folder / f"worker-{part.start}.jsonl").read_text().splitlines()
    ]
    if len(found) != points:
        raise SystemExit(f"only {len(found)} of {points} points were measured")
    return summary(sorted(found, key=lambda each: each["point"]), alone, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2, help="points at once, a core each")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # numpy has started its threads by now; a process that is told beforehand starts none.
        environment = os.environ | dict.fromkeys(THREADS, "1")
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    folder = Path(tempfile.mkdtemp(prefix="convwise-kill9-"))
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    begun = time.perf_counter()
    facts = measure(arguments.points, arguments.seed, arguments.workers, folder)
    facts["minutes"] = round((time.perf_counter() - begun) / 60, 1)
    write_json(arguments.out, facts)
    print(f"{facts['same_weights']}/{facts['points']} ended with {facts['sha256']}")
    print(
        f"{facts['kills']} kills, {facts['kills_in_a_save']} of them in a save,"
        f" {facts['kills_of_a_resumed_run']} of a resumed run; {facts['minutes']} min"
    )
    if facts["failed"]:
        raise SystemExit(f"what is left of the others lies in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
