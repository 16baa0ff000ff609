"""Measuring alike: one process a measurement, the same cores for all, figures with their spread."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# Looked up here, as little may be done between fork and exec.
_SET_PARENT_DEATH_SIGNAL = getattr(ctypes.CDLL(None), "prctl", None)
_BF16_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")


def limit_cores(threads: int) -> None:
    """Bind this process, and with it every process that it starts, to the first cores it has."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def worker_environment(threads: int, *, python_path: str | None = None) -> dict[str, str]:
    """Return the environment of a worker: so many threads, no GPU, no foreign packages."""
    environment = dict(os.environ) | dict.fromkeys(_THREAD_VARIABLES, str(threads))
    environment |= {"CUDA_VISIBLE_DEVICES": "", "PYTHONNOUSERSITE": "1"}
    environment.pop("PYTHONPATH", None)
    if python_path is not None:
        environment["PYTHONPATH"] = python_path
    return environment


def run_worker(
    command: Sequence[str], environment: Mapping[str, str], timeout: float
) -> dict[str, Any]:
    """Run a worker and return the JSON object that it prints.

    A worker that fails or takes too long does not end the benchmark: then the object holds
    ``error``, and what the worker wrote to standard error is passed on.

    Returns:
        The worker's facts, with ``process_seconds`` and ``other_cores_busy``: how many cores were,
        on average, kept busy by anything but this worker (None where the system does not tell).
    """
    before, started = _cpu_seconds(), time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
            facts = _parse(output, process.returncode)
        except subprocess.TimeoutExpired:
            facts = {"error": f"stopped after {timeout:.0f} s"}
        finally:
            _end(process)
        if "error" in facts:
            complaints.seek(0)
            sys.stderr.write(complaints.read())
    seconds = time.perf_counter() - started
    return facts | {
        "process_seconds": seconds,
        "other_cores_busy": _others(before, _cpu_seconds(), seconds),
    }


class Worker:
    """A worker that stays, and answers commands: one line of JSON each way.

    Between commands it is stopped (SIGSTOP), so that whatever its threads would do while they have
    nothing to do is not at the cost of others.

    Args:
        command: that starts it; it tells its first facts without being asked.
        environment: of the process.
        timeout: seconds that it may take until then.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], timeout: float
    ) -> None:
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self._unread = b""
        self.ready = self._answer(timeout)

    def ask(self, command: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Return the answer to a command, or ``error``; after an error it is of no more use.

        ``seconds_asked`` is how long the answer took. Where the answer tells ``cpu_seconds``, it
        gets ``other_cores_busy``: how many cores anything else kept busy meanwhile, on average.
        """
        if "error" in self.ready:
            return self.ready
        before, started = _cpu_seconds(), time.perf_counter()
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: its status tells why
        facts = self._answer(timeout)
        seconds = time.perf_counter() - started
        if "error" in facts:
            self.ready = facts
            return facts
        own, after = facts.get("cpu_seconds"), _cpu_seconds()
        if own is not None and before is not None and after is not None:
            busy = max(0.0, after[0] - before[0] - own) / seconds
            facts["other_cores_busy"] = round(busy, 2)
        return facts | {"seconds_asked": seconds}

    def close(self) -> None:
        """End it, and pass on what it complained of if it failed."""
        _end(self._process)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        if "error" in self.ready:
            self._complaints.seek(0)
            sys.stderr.write(self._complaints.read())
        self._complaints.close()

    def _answer(self, timeout: float) -> dict[str, Any]:
        line = self._line(timeout)
        if line is None:
            return {"error": f"stopped after {timeout:.0f} s"}
        if not line:
            return {"error": f"ended with status {self._process.wait()}"}
        self._signal(signal.SIGSTOP)
        return _parse(line.decode(errors="replace"), 0)

    def _line(self, timeout: float) -> bytes | None:
        """Return a line, nothing at the end, or None where it does not come in time."""
        assert self._process.stdout is not None
        source, end = self._process.stdout.fileno(), time.monotonic() + timeout
        while b"\n" not in self._unread:
            left = end - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                return None
            part = os.read(source, 1 << 16)
            if not part:
                return b""
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return smallest, median and largest.

    Example:
        >>> spread([3.0, 1.0, 2.0])
        {'min': 1.0, 'median': 2.0, 'max': 3.0}
    """
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def paired_ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Divide round by round; a round that one side lacks gives no ratio.

    Pairing within a round cancels what slows a machine down for minutes.

    Example:
        >>> paired_ratios({0: 4.0, 1: 6.0, 2: 1.0}, {0: 2.0, 1: 2.0})
        [2.0, 3.0]
    """
    return [ours[number] / theirs[number] for number in sorted(ours) if number in theirs]


def bf16_in_hardware() -> bool | None:
    """Tell whether the processor computes in bf16; None where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return any(flag in line.split() for flag in _BF16_FLAGS)
    return None


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file beside its place and rename it, so that it is complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8") as stream:
            json.dump(values, stream, indent=2, allow_nan=False)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _parse(output: str, status: int) -> dict[str, Any]:
    if status != 0:
        return {"error": f"ended with status {status}"}
    try:
        facts = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": "printed no JSON"}
    return facts if isinstance(facts, dict) else {"error": "printed no JSON object"}


def _end(process: subprocess.Popen[str]) -> None:
    """End a worker and whatever it started; it has a session, and so a group, of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _end_with_parent() -> None:
    """Let the system kill this process when its parent ends, however that happens.

    A process that is stopped would not notice by itself.
    """
    if _SET_PARENT_DEATH_SIGNAL is not None:
        _SET_PARENT_DEATH_SIGNAL(1, signal.SIGKILL)


def _cpu_seconds() -> tuple[float, float] | None:
    """Return the CPU seconds of the whole machine, and those of workers that ended."""
    try:
        first = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _wait, interrupts, soft, steal = map(int, first[1:9])
    ticks = user + nice + system + interrupts + soft + steal
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ticks / os.sysconf("SC_CLK_TCK"), children.ru_utime + children.ru_stime


def _others(
    before: tuple[float, float] | None, after: tuple[float, float] | None, seconds: float
) -> float | None:
    if before is None or after is None:
        return None
    machine, workers = after[0] - before[0], after[1] - before[1]
    return round(max(0.0, machine - workers) / seconds, 2)
