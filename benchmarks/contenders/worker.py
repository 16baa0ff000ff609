"""What every contender shares: what it is asked, how it is timed, and the line it answers with.

A contender is a program of its own, so that no library warms up, slows down or limits another.
This file needs only numpy: it runs in the environments of convwise and of its peers.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARAMETERS = 34_826
LEARNING_RATE = 1e-3


class ProbeDone(Exception):  # noqa: N818
    """Raised out of a training whose probe has seen enough."""


@dataclass(frozen=True)
class Job:
    """What a contender is asked to do.

    Args:
        data: an .npz file with uint8 images (n, 28, 28, 1) and int64 labels of both splits.
        batch: images in a step.
        epochs: passes over the training images.
        threads: how many threads, and cores, the contender may use.
        seed: of first weights, order and dropout.
        precision: ``fp32`` or ``bf16``, for contenders that take one.
        probe_steps: stop after so many steps and only tell the speed; None trains to the end.
        probe_seconds: stop the probe earlier, after the first step that ends later than this.
    """

    data: Path
    batch: int
    epochs: int
    threads: int
    seed: int
    precision: str
    probe_steps: int | None
    probe_seconds: float


@dataclass(frozen=True)
class Data:
    """The arrays of the .npz file."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]


@dataclass
class Stopwatch:
    """Times one training.

    A contender calls :meth:`start` right before the call that trains, :meth:`epoch_begins` if its
    epoch begins later than the start or than the end of the epoch before, and
    :meth:`epoch_ends`. In a probe, and only there, it calls :meth:`step` after each step.
    """

    job: Job
    started: float = 0.0
    mark: float = 0.0
    start_seconds: float = 0.0
    epochs: list[tuple[int, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)

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
        if self.job.probe_steps is None:
            return
        self.steps.append(time.perf_counter() - self.mark)
        if len(self.steps) >= self.job.probe_steps or self.steps[-1] > self.job.probe_seconds:
            raise ProbeDone

    def facts(self) -> dict[str, Any]:
        """Return speeds in images per second, and the seconds they come from."""
        if self.job.probe_steps is not None:
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

    def _probe_facts(self) -> dict[str, Any]:
        # The first step compiles and allocates; it counts only where there is no other.
        first, last, count = self.steps[0], self.steps[-1], len(self.steps)
        seconds, steps = (last - first, count - 1) if count > 1 else (first, 1)
        return {
            "images_per_second": steps * self.job.batch / seconds,
            "first_step_seconds": first,
            "steps": count,
        }


def answer(
    prepare: Callable[[Job, Data], Callable[[Stopwatch], Callable[[], NDArray[np.int64]]]],
    packages: tuple[str, ...],
    more: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Do the job on the command line and print one line of JSON.

    Args:
        prepare: builds what is needed and returns the training; the training returns a function
            that predicts the classes of the test images.
        packages: whose versions are told.
        more: further facts, asked for at the end.
    """
    job = _read_job()
    # Libraries that greet on standard output must not spoil the answer.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with np.load(job.data) as arrays:
        data = Data(**{name: arrays[name] for name in Data.__dataclass_fields__})
    watch = Stopwatch(job)
    training = prepare(job, data)
    facts: dict[str, Any] = {}
    try:
        predict = training(watch)
    except ProbeDone:
        facts = watch.facts()
    else:
        facts = watch.facts()
        facts["test_accuracy"] = float((predict() == data.test_labels).mean())
    facts |= {
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "versions": _versions(packages),
        **more(),
    }
    print(json.dumps(facts), file=out, flush=True)


def require_parameters(count: int) -> None:
    """Stop a contender that trains another network than the rest."""
    if count != PARAMETERS:
        sys.exit(f"the network has {count:,} parameters, not {PARAMETERS:,}")


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
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--probe-steps", type=int, default=None)
    parser.add_argument("--probe-seconds", type=float, default=30.0)
    return Job(**vars(parser.parse_args()))
