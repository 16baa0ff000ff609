"""Processes: the jobs of a study on this machine, several at once.

Small networks leave cores idle: one process with two threads is often slower than two with one
each. Processes are spawned, as torch's threads do not survive a fork.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.synchronize import Event

import torch

from convwise.errors import TrainingError
from convwise.studies.material import Material
from convwise.studies.workers import Job, Outcome, Workers, carried_out
from convwise.training.progress import Watcher


class Processes(Workers):
    """Does jobs in processes of their own, each of which holds the images.

    Args:
        material: the images.
        processes: how many.
        threads: of torch, in each.
    """

    def __init__(self, material: Material, processes: int, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes = processes
        self._stop = context.Event()
        self._pool = ProcessPoolExecutor(
            processes, context, initializer=_enter, initargs=(material, threads, self._stop)
        )
        self._running: dict[Future[Outcome], Job] = {}

    def places(self) -> int:
        """Return the number of processes."""
        return self._processes

    def submit(self, job: Job) -> None:
        """Give the job to the next process that is free.

        Raises:
            TrainingError: a process has died.
        """
        try:
            self._running[self._pool.submit(_carried_out_here, job)] = job
        except BrokenProcessPool:
            raise _died(job) from None

    def finished(self, patience: float) -> list[tuple[Job, Outcome]]:
        """Return the jobs that have ended; wait up to so many seconds for one.

        Raises:
            TrainingError: a process has died.
        """
        done, _ = wait(self._running, timeout=patience, return_when=FIRST_COMPLETED)
        ended = []
        for future in done:
            job = self._running.pop(future)
            try:
                ended.append((job, future.result()))
            except BrokenProcessPool:
                raise _died(job) from None
        return ended

    def stop(self) -> None:
        """Let every training stop after its step."""
        self._stop.set()

    def close(self) -> None:
        """Let trainings stop after their step, and end the processes."""
        self.stop()
        self._pool.shutdown(cancel_futures=True)


def _died(job: Job) -> TrainingError:
    return TrainingError(
        f"{job.name}: its process was ended from outside, perhaps for want of memory; the same"
        " command goes on, with fewer --processes perhaps"
    )


class _Stoppable(Watcher):
    """Wants to stop when the process that leads the study says so."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop

    def wants_to_stop(self) -> bool:
        """Return whether it has said so."""
        return self._stop.is_set()


# What a process needs for every job, set once when it is spawned.
_here: list[tuple[Material, Watcher]] = []


def _enter(material: Material, threads: int, stop: Event) -> None:
    # The terminal sends Ctrl-C to all; the leading process passes on what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    _here.append((material, _Stoppable(stop)))


def _end_with_parent() -> None:
    """End at once when the leading process was killed: nobody would take the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _carried_out_here(job: Job) -> Outcome:
    ((material, watcher),) = _here
    return carried_out(job, material, watcher)
