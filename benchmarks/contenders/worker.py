"""What every contender shares: the commands it obeys, how it is timed, and how it answers.

A contender is a program of its own, so that no library warms up, slows down or limits another. It
says what network it has, then reads one command a line from standard input, as JSON, and answers
with one line of JSON:

- ``learn``: train a new network for some epochs on a sample, and score it on test images;
- ``rounds``: go on training, stop after a fixed number of steps, and answer each ``round`` with the
  time that so many further steps took;
- ``predict``: time predictions of batches of a size;
- ``agreement``: how many labels of the test images are those that fp32 gives.

It ends when standard input does. This file needs only numpy: it runs in the environments of
convwise and of its peers.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

LEARNING_RATE = 1e-3
# Batches over which normalisation's statistics are brought up to date before scoring, and what
# each of them adds: 0.7 to the power of 10 is 3 %, which is left of the first values.
SETTLING, SETTLING_MOMENTUM = 10, 0.7

Facts = dict[str, Any]
Pixels = NDArray[np.uint8]
Classes = NDArray[np.int64]
Predict = Callable[[Pixels], Classes]


class ProbeDone(Exception):  # noqa: N818
    """Raised out of a training that has been seen enough of, or is too slow."""


class RoundsOver(Exception):  # noqa: N818
    """Raised out of a training that nobody asks any further rounds of."""


@dataclass(frozen=True)
class Job:
    """What a contender is.

    Args:
        data: an .npz file with uint8 images (n, 28, 28, 1) and int64 labels of both splits.
        net: its name in convwise's zoo.
        program: the network as a Python program, printed by convwise; peers build it from that.
        batch: images in a training step.
        threads: how many threads, and cores, the contender may use.
        seed: of first weights, order and dropout.
        precision: ``fp32`` or ``bf16``, for contenders that take one.
        backend: of Keras.
    """

    data: Path
    net: str
    program: Path
    batch: int
    threads: int
    seed: int
    precision: Literal["fp32", "bf16"]
    backend: str


@dataclass(frozen=True)
class Data:
    """The arrays of the .npz file, or the first of them."""

    train_images: Pixels
    train_labels: Classes
    test_images: Pixels
    test_labels: Classes

    def first(self, images: int, test_images: int) -> Data:
        """Return so many of both splits."""
        return Data(
            self.train_images[:images],
            self.train_labels[:images],
            self.test_images[:test_images],
            self.test_labels[:test_images],
        )


@dataclass
class Stopwatch:
    """Times one training.

    A contender calls :meth:`start` right before the call that trains, :meth:`epoch_begins` if its
    epoch begins later than the start or than the end of the epoch before, :meth:`epoch_ends`, and
    after each step :meth:`step` unless ``hooks`` is false: a hook costs some libraries time.

    Args:
        batch: images in a step.
        steps_in_all: of the training.
        cap: seconds; a training that will take longer is given up.
        probe_steps: stop after so many steps and only tell the speed; None trains to the end.
    """

    batch: int
    steps_in_all: int
    cap: float | None = None
    probe_steps: int | None = None
    started: float = 0.0
    mark: float = 0.0
    start_seconds: float = 0.0
    epochs: list[tuple[int, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    given_up: bool = False

    @property
    def hooks(self) -> bool:
        """Whether somebody wants to know of single steps."""
        return self.cap is not None or self.probe_steps is not None

    def start(self) -> None:
        self.started = self.mark = time.perf_counter()

    def epoch_begins(self) -> None:
        self.mark = time.perf_counter()
        if not self.epochs:
            self.start_seconds = self.mark - self.started

    def epoch_ends(self, images: int, at: float | None = None) -> None:
        """Record an epoch that ended now, or ``at`` an earlier reading of the clock."""
        now = time.perf_counter() if at is None else at
        self.epochs.append((images, now - self.mark))
        self.mark = now

    def step(self) -> None:
        if not self.hooks or self.epochs:
            return
        self.steps.append(time.perf_counter() - self.mark)
        if self.probe_steps is not None and len(self.steps) >= self.probe_steps:
            raise ProbeDone
        if self.cap is not None and self.projected_seconds > self.cap and self._seen_enough():
            self.given_up = True
            raise ProbeDone

    @property
    def projected_seconds(self) -> float:
        """How long the whole training will take, by the quickest of the steps so far."""
        return self.steps_in_all * self._quickest_step()

    def _quickest_step(self) -> float:
        # The first step compiles and allocates; it counts only where there is no other.
        later = [after - before for before, after in zip(self.steps, self.steps[1:], strict=False)]
        return min(later, default=self.steps[0])

    def _seen_enough(self) -> bool:
        assert self.cap is not None
        return len(self.steps) >= 4 or self.steps[-1] > self.cap / 4

    def facts(self) -> Facts:
        """Return speeds in images per second, and the seconds they come from."""
        if self.given_up or self.probe_steps is not None:
            return self._probe_facts()
        images = sum(count for count, _ in self.epochs)
        seconds = self.start_seconds + sum(took for _, took in self.epochs)
        last_images, last_seconds = self.epochs[-1]
        return {
            "images_per_second": last_images / last_seconds,
            "images_per_second_all_epochs": images / seconds,
            "seconds": seconds,
            "start_seconds": self.start_seconds,
            "epoch_seconds": [took for _, took in self.epochs],
            "images": images,
        }

    def _probe_facts(self) -> Facts:
        first, last, count = self.steps[0], self.steps[-1], len(self.steps)
        seconds, steps = (last - first, count - 1) if count > 1 else (first, 1)
        if self.given_up:
            seconds, steps = self._quickest_step(), 1
        return {
            "images_per_second": steps * self.batch / seconds,
            "first_step_seconds": first,
            "steps": count,
            "projected_seconds": self.projected_seconds,
            "given_up": self.given_up,
        }


class Gate:
    """Lets a training go on for so many steps at a time, and reports how long they took.

    The training calls :meth:`open` before its first step and :meth:`step` after each, or after
    several at once. While nobody asks for a round, the training stands in one of these calls.

    Args:
        steps: of a round.
        commands: each one that comes asks for a round; after the last, :class:`RoundsOver`.
        tell: is given the facts of a round.
    """

    def __init__(
        self, steps: int, commands: Iterator[Facts], tell: Callable[[Facts], None]
    ) -> None:
        self.steps, self._commands, self._tell = steps, commands, tell
        self._done, self._images, self._start, self._cpu = 0, 0, 0.0, 0.0

    def open(self) -> None:
        """Wait for a round to be asked for, and begin it."""
        command = next(self._commands, None)
        if command is None or command["do"] != "round":
            raise RoundsOver
        self._done = self._images = 0
        self._start, self._cpu = time.perf_counter(), _cpu_seconds()

    def step(self, images: int, steps: int = 1) -> None:
        """Count steps that were taken on so many images in all."""
        self._done, self._images = self._done + steps, self._images + images
        if self._done < self.steps:
            return
        seconds = time.perf_counter() - self._start
        self._tell(
            {
                "images_per_second": self._images / seconds,
                "seconds": seconds,
                "steps": self._done,
                "cpu_seconds": _cpu_seconds() - self._cpu,
            }
        )
        self.open()


@dataclass(frozen=True)
class Task:
    """What is to be learnt.

    Args:
        data: to learn from and to be scored on.
        epochs: passes over the training images.
        score_epochs: score the test images after each epoch too, untimed.
    """

    data: Data
    epochs: int
    score_epochs: bool = False


class Contender(Protocol):
    """What a library has to offer; :func:`serve` does the rest."""

    parameters: int

    def learn(self, task: Task, watch: Stopwatch) -> Facts:
        """Train a new network; return further facts, for example ``epoch_accuracy``."""

    def settle(self, images: Pixels) -> None:
        """Bring the statistics of normalisation up to date on these images."""

    def predict(self, images: Pixels) -> Classes:
        """Return classes of uint8 images, in the quickest way that the library offers."""

    def predict_in_fp32(self, images: Pixels) -> Classes:
        """Return what the same weights give in fp32, by plain means."""

    def train_on(self, data: Data, gate: Gate) -> None:
        """Train the network on, epoch after epoch, until the gate raises RoundsOver."""

    def facts(self) -> Facts:
        """Tell precision, threads and what else was chosen."""


def serve(make: Callable[[Job, Data], Contender], packages: tuple[str, ...]) -> None:
    """Answer commands until there are no more of them.

    Args:
        make: returns the contender of a job.
        packages: whose versions are told.
    """
    job = _read_job()
    # Libraries that greet on standard output must not spoil the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(facts: Facts) -> None:
        print(json.dumps(facts), file=out, flush=True)

    with np.load(job.data) as arrays:
        data = Data(**{name: arrays[name] for name in Data.__dataclass_fields__})
    contender = make(job, data)
    tell({"parameters": contender.parameters, "versions": _versions(packages)})
    commands = (json.loads(line) for line in sys.stdin)
    for command in commands:
        kind = command["do"]
        if kind == "learn":
            tell(_learn(contender, job, data, command))
        elif kind == "rounds":
            tell({})
            # As many images as batches of any usual size divide, so that all steps are alike.
            try:
                contender.train_on(
                    data.first(command["images"], 0), Gate(command["steps"], commands, tell)
                )
            except RoundsOver:
                return
        elif kind == "predict":
            tell(_predict(contender, data.test_images, **command["of"]))
        elif kind == "agreement":
            images = data.test_images[: command["images"]]
            same = contender.predict(images) == contender.predict_in_fp32(images)
            tell({"agreement_with_fp32": float(same.mean()), "images": len(images)})
        else:
            sys.exit(f"no such command: {kind}")


def _learn(contender: Contender, job: Job, data: Data, command: Facts) -> Facts:
    """Train on a sample.

    The command's ``images``, ``test_images`` and ``epochs`` say what to learn; ``cap`` and
    ``probe_steps`` are the stopwatch's; ``settle`` asks for settled statistics before scoring.
    """
    sample = data.first(command["images"], command["test_images"])
    epochs = command["epochs"]
    steps = epochs * max(len(sample.train_labels) // job.batch, 1)
    watch = Stopwatch(job.batch, steps, command.get("cap"), command.get("probe_steps"))
    cpu = _cpu_seconds()
    more: Facts = {}
    try:
        more = contender.learn(Task(sample, epochs, command.get("score_epochs", False)), watch)
    except ProbeDone:
        facts = watch.facts()
    else:
        facts = watch.facts()
        if command.get("settle"):
            contender.settle(sample.train_images[: SETTLING * job.batch])
        found = contender.predict(sample.test_images)
        facts["test_accuracy"] = float((found == sample.test_labels).mean())
    facts["cpu_seconds"] = _cpu_seconds() - cpu
    facts["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return facts | more | contender.facts()


def _predict(contender: Contender, images: Pixels, batch: int, seconds: float) -> Facts:
    """Predict batch after batch for about so long; return the median of the times it took."""
    contender.predict(images[:batch])
    times: list[float] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds or len(times) < 3:
        first = len(times) * batch % (len(images) - batch + 1)
        start = time.perf_counter()
        contender.predict(images[first : first + batch])
        times.append(time.perf_counter() - start)
    middle = statistics.median(times)
    return {"latency_ms": 1e3 * middle, "images_per_second": batch / middle, "calls": len(times)}


def load_program(path: Path) -> ModuleType:
    """Return a printed program as a module."""
    spec = importlib.util.spec_from_file_location("printed_network", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "source tree"
    return found


def _read_job() -> Job:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--net", required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--backend", choices=("tensorflow", "torch"), default="tensorflow")
    return Job(**vars(parser.parse_args()))
