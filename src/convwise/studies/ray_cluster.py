"""RayCluster: the jobs of a study on all machines of a Ray cluster.

The machines need not share a disk: the images are put into the cluster once, every result comes
back, and the process that leads the study writes it.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import torch

from convwise.errors import MissingExtraError, OptionError, TrainingError
from convwise.studies.material import Material
from convwise.studies.workers import Job, Outcome, Workers, carried_out
from convwise.training.machine import package_versions
from convwise.training.progress import Watcher

# What has to be the same everywhere, or a cell would depend on where it was computed.
EQUAL = ("convwise", "torch", "numpy")
SECONDS_TO_ANSWER = 5.0


class RayCluster(Workers):
    """Does jobs on the Ray cluster that this process, or ``RAY_ADDRESS``, is connected to.

    Where there is none, Ray is started on this machine, and stopped at the end.

    Args:
        material: the images.
        threads: of torch for each job, and the processors that it is given.

    Raises:
        MissingExtraError: ray is not installed.
        OptionError: there is no such cluster, or no machine of it has so many processors.
    """

    def __init__(self, material: Material, threads: int) -> None:
        self._ray = _ray()
        self._threads = threads
        self._running: dict[Any, Job] = {}
        self._began = not self._ray.is_initialized()
        if self._began:
            _connect(self._ray)
        try:
            self._require_room()
            self._task = self._ray.remote(num_cpus=threads)(_carried_out_there)
            self._material = self._ray.put(material)
        except BaseException:
            self.close()
            raise
        self._wanted = _versions()

    def _require_room(self) -> None:
        most = max(
            (node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]),
            default=0,
        )
        if most < self._threads:
            raise OptionError(
                f"--threads {self._threads}: no machine of the Ray cluster has more than"
                f" {most:g} processors; give fewer threads"
            )

    def places(self) -> int:
        """Return how many jobs the processors of the cluster suffice for, as large as it is now."""
        processors = self._ray.cluster_resources().get("CPU", 0)
        return max(1, int(processors) // self._threads)

    def submit(self, job: Job) -> None:
        """Send the job to the cluster."""
        reference = self._task.remote(job, self._material, self._threads, self._wanted)
        self._running[reference] = job

    def finished(self, patience: float) -> list[tuple[Job, Outcome]]:
        """Return the jobs that have ended; wait up to so many seconds for one.

        Raises:
            TrainingError: the cluster has lost a job for good.
        """
        if not self._running:
            return []
        waited = list(self._running)
        done, _ = self._ray.wait(waited, num_returns=1, timeout=patience)
        if done:
            done, _ = self._ray.wait(waited, num_returns=len(waited), timeout=0)
        return [(job, self._got(job, reference)) for job, reference in self._taken(done)]

    def _taken(self, references: list[Any]) -> list[tuple[Job, Any]]:
        return [(self._running.pop(reference), reference) for reference in references]

    def _got(self, job: Job, reference: Any) -> Outcome:
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.TaskCancelledError:
            return Outcome(interrupted=True)
        except self._ray.exceptions.RayTaskError:
            raise  # a mistake of ours, whose traceback is needed
        except self._ray.exceptions.RayError as error:
            raise TrainingError(
                f"{job.name}: the Ray cluster has lost it ({type(error).__name__}); the same"
                " command goes on"
            ) from None
        return outcome

    def stop(self) -> None:
        """Let every training stop after its step."""
        for reference in self._running:
            self._ray.cancel(reference)

    def close(self) -> None:
        """Cancel what runs; stop Ray, where it was started for this study."""
        if self._began:
            self._ray.shutdown()
        else:
            self.stop()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray", "cluster") from None
    return ray


def _connect(ray: Any) -> None:
    # Ray tells its makers how it is used unless it is asked not to.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    address = os.environ.get("RAY_ADDRESS", "")
    _require_answer(address)
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError) as error:
        raise _no_cluster(address, error) from None


def _require_answer(address: str) -> None:
    """Check that somebody listens at an address: Ray itself would try for minutes.

    Raises:
        OptionError: nobody does.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, error: Exception) -> OptionError:
    return OptionError(
        f"no Ray cluster answers at {address or 'its usual address'} ({error}); set RAY_ADDRESS to"
        " one that runs, or unset it to start Ray on this machine"
    )


def _versions() -> dict[str, str]:
    found = package_versions()
    return {name: found[name] for name in EQUAL}


def _carried_out_there(
    job: Job, material: Material, threads: int, wanted: dict[str, str]
) -> Outcome:
    for name, version in _versions().items():
        if version != wanted[name]:
            return Outcome(
                error=f"{socket.gethostname()} has {name} {version}, not {wanted[name]}; install"
                " the same versions on every machine of the cluster",
                requested=True,
            )
    torch.set_num_threads(threads)
    return carried_out(job, material, Watcher())
