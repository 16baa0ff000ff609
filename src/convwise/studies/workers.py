"""Workers: who carries out the jobs of a study.

A job is a trial or a timing. It is a value that can be sent elsewhere; what it returns is sent
back, and only the process that leads the study writes anything into its folder.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from convwise.errors import ConvwiseError, RequestError, TrainingError
from convwise.studies.material import Material
from convwise.studies.trial import Interrupted
from convwise.training.progress import Watcher

PAUSE = 0.5


class Job(Protocol):
    """A piece of work."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def run(self, material: Material, watcher: Watcher) -> Any:
        """Do it."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of a job. Errors travel as text: not every exception survives being sent.

    Args:
        result: what the job returned.
        seconds: that it took.
        error: why it failed, or None.
        requested: the error is the request's and not the work's.
        interrupted: it was stopped.
    """

    result: Any = None
    seconds: float = 0.0
    error: str | None = None
    requested: bool = False
    interrupted: bool = False

    def value(self) -> Any:
        """Return the result.

        Raises:
            Interrupted: the job was stopped.
            RequestError, TrainingError: it failed.
        """
        if self.interrupted:
            raise Interrupted
        if self.error is not None:
            raise (RequestError if self.requested else TrainingError)(self.error)
        return self.result


def carried_out(job: Job, material: Material, watcher: Watcher) -> Outcome:
    """Do a job here and now."""
    start = time.monotonic()
    try:
        result = job.run(material, watcher)
    except Interrupted:
        return Outcome(interrupted=True)
    except ConvwiseError as error:
        requested = isinstance(error, RequestError)
        return Outcome(error=f"{job.name}: {error}", requested=requested)
    return Outcome(result, time.monotonic() - start)


class Workers(ABC):
    """Carries out jobs, several at once perhaps."""

    @abstractmethod
    def places(self) -> int:
        """Return how many jobs are worth submitting at once, at least 1."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Begin a job."""

    @abstractmethod
    def finished(self, patience: float) -> list[tuple[Job, Outcome]]:
        """Return the jobs that have ended since; wait up to so many seconds for one."""

    def stop(self) -> None:  # noqa: B027 - here, a job ends by itself
        """Ask the jobs that run to stop."""

    def close(self) -> None:  # noqa: B027 - here, there is nothing to close
        """End; jobs that run are given up."""


class InProcess(Workers):
    """Does one job after the other in this process, with all the threads that torch has.

    Args:
        material: the images.
    """

    def __init__(self, material: Material) -> None:
        self._material = material
        self._waiting: deque[Job] = deque()

    def places(self) -> int:
        """Return 1."""
        return 1

    def submit(self, job: Job) -> None:
        """Remember the job."""
        self._waiting.append(job)

    def finished(self, patience: float) -> list[tuple[Job, Outcome]]:
        """Do the first job."""
        if not self._waiting:
            return []
        job = self._waiting.popleft()
        return [(job, carried_out(job, self._material, Watcher()))]


def results(
    workers: Workers, jobs: Sequence[Job], goes_on: Callable[[], bool] = lambda: True
) -> list[tuple[Job, Any]]:
    """Carry out jobs and return each with its result, in the order in which they end.

    Args:
        workers: who does it.
        jobs: what to do.
        goes_on: asked before each job is begun; those behind a no are left out.

    Raises:
        Interrupted: a job was stopped.
        RequestError, TrainingError: a job failed.
    """
    waiting, running = deque(jobs), 0
    found: list[tuple[Job, Any]] = []
    while waiting or running:
        while waiting and running < workers.places():
            if not goes_on():
                waiting.clear()
                break
            workers.submit(waiting.popleft())
            running += 1
        for job, outcome in workers.finished(PAUSE) if running else ():
            running -= 1
            found.append((job, outcome.value()))
    return found
