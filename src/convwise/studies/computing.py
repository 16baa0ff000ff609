"""Where a study's cells are computed, and by how many threads: asked for, raced, or remembered.

The bits of a cell depend on the number of threads. So a study keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import torch

from convwise.data.cores import usable_cores
from convwise.errors import OptionError, TrainingError
from convwise.studies.material import Material
from convwise.studies.timing import Speed, Timing
from convwise.studies.workers import InProcess, Workers, results

Backend = Literal["local", "ray"]

MOST = 1_024
# Of the arms, evenly chosen, that the race is run on.
RACED_ARMS = 4
# By how much several processes must be quicker, as they take more memory.
GAIN = 1.05
# Every process holds the images.
MOST_BYTES = 1 << 30
# A shorter study is over before a race has paid.
SHORT = 60.0


@dataclass(frozen=True)
class Computing:
    """Where cells are computed.

    Args:
        backend: this machine, or a Ray cluster.
        processes: how many cells at once on this machine; None lets a race choose between one
            process with all threads and a process for each core. Without meaning on a cluster,
            which takes as many as fit.
        threads: of torch, for each cell; None for a share of the cores, and 1 on a cluster.
        raced: trainings an hour that the race has found, by what took part.

    Raises:
        OptionError: a value is out of range.
    """

    backend: Backend = "local"
    processes: int | None = None
    threads: int | None = None
    raced: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.backend not in get_args(Backend):
            raise OptionError(f"--backend {self.backend}: use {' or '.join(get_args(Backend))}")
        for name in ("processes", "threads"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= MOST:
                raise OptionError(f"--{name} {value}: use a number from 1 to {MOST:,}")

    @classmethod
    def asked(cls, backend: Backend, processes: int | None, threads: int | None) -> Computing:
        """Return what options say.

        Raises:
            OptionError: a value is out of range, or they do not go together.
        """
        if backend == "ray" and processes not in (None, 1):
            raise OptionError(
                f"--processes {processes} is for this machine; a Ray cluster takes as many cells at"
                " once as its processors suffice for"
            )
        return cls(backend, None if backend == "ray" else processes, threads)

    @property
    def told(self) -> str:
        """What it is, in words.

        Example:
            >>> Computing(processes=2, threads=1).told
            '2 processes of 1 thread'
        """
        threads = f"{self.threads} {'thread' if self.threads == 1 else 'threads'}"
        if self.backend == "ray":
            return f"a Ray cluster, {threads} for each cell"
        return f"{self.processes} {'process' if self.processes == 1 else 'processes'} of {threads}"

    def workers(self, material: Material) -> Workers:
        """Return who does it; to be closed."""
        assert self.threads is not None
        if self.backend == "ray":
            from convwise.studies.ray_cluster import RayCluster

            return RayCluster(material, self.threads)
        assert self.processes is not None
        if self.processes > 1:
            from convwise.studies.processes import Processes

            return Processes(material, self.processes, self.threads)
        torch.set_num_threads(self.threads)
        return InProcess(material)


def remembered(asked: Computing, known: Computing) -> Computing:
    """Return how a study goes on that was begun before.

    Args:
        asked: now; what is None was left open.
        known: how it was begun.

    Raises:
        OptionError: another number of threads is asked for.
    """
    if asked.threads not in (None, known.threads):
        raise OptionError(
            f"the study was begun with --threads {known.threads} for each cell, not"
            f" {asked.threads}, and bits depend on it; leave --threads out, or give another --out"
        )
    if asked.backend == "ray":
        return Computing("ray", None, known.threads, known.raced)
    processes = asked.processes or known.processes
    if processes is None:  # it was begun on a cluster
        processes = max(1, usable_cores() // (known.threads or 1))
    return Computing("local", processes, known.threads, known.raced)


def chosen(
    asked: Computing,
    material: Material,
    timings: Sequence[Timing],
    training: Callable[[Speed], float],
    length: Callable[[float], float],
    tell: Callable[[str], None],
) -> tuple[Computing, Workers]:
    """Return where the cells of a new study are computed, and who does it; to be closed.

    Args:
        asked: what is None is left open.
        material: the images.
        timings: of all arms.
        training: returns the seconds of one training, scoring included, of an arm of that speed.
        length: returns the seconds of the study for so many trainings an hour.
        tell: takes a message.
    """
    cores = usable_cores()
    if asked.backend == "ray":
        computing = Computing("ray", None, asked.threads or 1)
        return computing, computing.workers(material)
    if asked.processes or asked.threads or cores == 1 or not timings:
        processes = asked.processes or 1
        threads = asked.threads or max(1, cores // processes)
        computing = Computing("local", processes, threads)
        return computing, computing.workers(material)
    single = Computing("local", 1, cores)
    if material.bytes > MOST_BYTES:
        return single, single.workers(material)
    return _raced(single, Computing("local", cores, 1), material, timings, training, length, tell)


def _raced(
    single: Computing,
    several: Computing,
    material: Material,
    timings: Sequence[Timing],
    training: Callable[[Speed], float],
    length: Callable[[float], float],
    tell: Callable[[str], None],
) -> tuple[Computing, Workers]:
    spread = np.linspace(0, len(timings) - 1, min(RACED_ARMS, len(timings))).astype(int)
    sample = [timings[place] for place in spread.tolist()]
    one = single.workers(material)
    alone = trainings_an_hour(one, sample, training)
    if length(alone) < SHORT:
        return single, one
    tell(f"racing {single.told} against {several.told}")
    many = several.workers(material)
    try:
        together = trainings_an_hour(many, sample, training)
    except TrainingError as error:
        many.close()
        tell(f"{single.told}, as several did not work: {error}")
        return single, one
    except BaseException:
        many.close()
        raise
    raced = {single.told: round(alone, 1), several.told: round(together, 1)}
    won = several if together >= GAIN * alone else single
    tell(f"{won.told}: several do {together / alone:.2f} times as many trainings an hour as one")
    loser, winner = (one, many) if won is several else (many, one)
    loser.close()
    return replace(won, raced=raced), winner


def trainings_an_hour(
    workers: Workers, sample: Sequence[Timing], training: Callable[[Speed], float]
) -> float:
    """Return how many trainings workers do in an hour, all of them at work.

    Args:
        workers: who is timed.
        sample: arms to train for a moment; each of them is trained by all workers at once.
        training: returns the seconds of a whole training.
    """
    places = workers.places()
    # The first one imports, compiles, and wakes up threads.
    results(workers, [sample[0]] * places)
    timed = results(workers, [timing for timing in sample for _ in range(places)])
    return 3_600 * places / float(np.mean([training(speed) for _, speed in timed]))
