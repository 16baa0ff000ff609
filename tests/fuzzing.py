"""Try damaged files by the hundred thousand, in worker processes that may die, hang or grow.

A worker says which mutation it is about to try: if it dies or hangs, that one is to blame, and a
new worker goes on after it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 60.0
WORKERS = 2
START_METHOD = "spawn"
TOLD_EVERY = 5_000

Work = Callable[[int, int, int, int, Connection], None]
"""Takes a seed, the first number, the end, the step, and where to tell the outcomes."""


def each_tried(
    try_one: Callable[[int, int], str], seed: int, numbers: range, pipe: Connection
) -> None:
    """Try mutations in this process; any exception that goes through is what is searched for."""
    # libtiff writes to the process's own standard error, a line or more for each damaged file.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number in numbers:
        pipe.send((number, None, 0, 0.0))
        start = time.perf_counter()
        try:
            said = try_one(seed, number)
        except BaseException as error:
            said = f"FOUND {type(error).__name__}: {error}"
        pipe.send((number, said, peak_kib(), time.perf_counter() - start))


def peak_kib() -> int:
    """Return the most memory that this process has had."""
    # Where there is no such file: a process inherits this number from the one that started it.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fuzz(
    work: Work,
    seed: int,
    mutations: int,
    told: Callable[[int], None] = lambda done: None,
    start_method: str = START_METHOD,
) -> dict[str, Any]:
    """Try so many mutations in worker processes; return what came of them.

    Returns:
        ``outcomes``: how many mutations ended in which way; ``found``: number and description of
        each foreign exception, death or hang; ``peak_memory_mb``: of any worker;
        ``slowest_seconds``: of any mutation.
    """
    outcomes: Counter[str] = Counter()
    found: list[dict[str, Any]] = []
    peak, done, slowest = 0, 0, 0.0
    context = multiprocessing.get_context(start_method)
    workers = [_Worker(context, work, seed, start, mutations) for start in range(WORKERS)]
    while any(worker.process for worker in workers):
        for worker in workers:
            for number, said, memory, seconds in worker.news():
                peak, done, slowest = max(peak, memory), done + 1, max(slowest, seconds)
                told(done)
                if said.startswith("FOUND"):
                    found.append({"number": number, "what": said})
                else:
                    outcomes[said] += 1
    return {
        "seed": seed,
        "mutations": sum(outcomes.values()) + len(found),
        "outcomes": dict(sorted(outcomes.items())),
        "found": found,
        "peak_memory_mb": round(peak / 1024, 1),
        "slowest_seconds": round(slowest, 3),
    }


class _Worker:
    """A process that tries every so-manieth mutation, and is replaced when it ends early."""

    def __init__(self, context: Any, work: Work, seed: int, start: int, end: int) -> None:
        self._context, self._work = context, work
        self._seed, self._end = seed, end
        self._start(start)

    def _start(self, first: int) -> None:
        self.process: Any = None
        if first >= self._end:
            return
        self._pipe, theirs = self._context.Pipe(duplex=False)
        arguments = (self._seed, first, self._end, WORKERS, theirs)
        self.process = self._context.Process(target=self._work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self._current, self._since = first, time.monotonic()

    def news(self) -> Iterator[tuple[int, str, int, float]]:
        """Yield what has ended since the last call, deaths and hangs included."""
        if self.process is None:
            return
        try:
            while self._pipe.poll(0.01):
                number, said, memory, seconds = self._pipe.recv()
                self._current, self._since = number, time.monotonic()
                if said is not None:
                    yield number, said, memory, seconds
                    self._current = number + WORKERS
        except EOFError:
            self.process.join()
            if self._current < self._end:
                yield self._current, f"FOUND death with exit status {self.process.exitcode}", 0, 0.0
                self._current += WORKERS
            self._start(self._current)
            return
        if time.monotonic() - self._since > LONGEST_SECONDS:
            self.process.kill()
            self.process.join()
            yield self._current, f"FOUND hang of more than {LONGEST_SECONDS:g} s", 0, 0.0
            self._start(self._current + WORKERS)


def command(
    description: str, work: Work, try_one: Callable[[int, int], str], mutations: int
) -> int:
    """Fuzz as the command line says; return 1 if anything was found."""
    options = argparse.ArgumentParser(description=description.partition("\n")[0])
    options.add_argument("--mutations", type=int, default=mutations)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", type=int, help="try this mutation alone, in this process")
    chosen = options.parse_args()
    if chosen.only is not None:
        print(try_one(chosen.seed, chosen.only))
        return 0
    start = time.monotonic()

    def told(done: int) -> None:
        if done % TOLD_EVERY == 0:
            print(f"{done:,} of {chosen.mutations:,}", file=sys.stderr, flush=True)

    result = fuzz(work, chosen.seed, chosen.mutations, told)
    print(json.dumps(result | {"seconds": round(time.monotonic() - start)}, indent=2))
    return 1 if result["found"] or result["mutations"] != chosen.mutations else 0
