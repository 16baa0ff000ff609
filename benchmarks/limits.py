"""What this machine can do at most: matrix products, and copies.

    python benchmarks/limits.py

Matrix products are torch's (oneDNN), square, in float32 and bfloat16; the best size counts. Copies
are of 200 MB and more, far beyond any cache, and count bytes read and bytes written. A peak is the
best of all rounds: it is a limit to compare with, not a figure that one reaches.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measuring import bf16_in_hardware, spread, write_json
from tables import limits_table

from convwise.model.allocator import keep_freed_memory
from convwise.training.machine import machine_facts, package_versions
from convwise.training.train import use_threads

HERE = Path(__file__).resolve().parent
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIZES, BRIEF_SIZES = (512, 1024, 2048, 3072, 4096), (1024, 2048)
COPIED = 50_000_000
# A product that takes longer is emulated, and larger ones would take minutes.
TOO_LONG = 2.0

Facts = dict[str, Any]
Work = Callable[[], object]


def peaks(sizes: tuple[int, ...], rounds: int) -> dict[str, Facts]:
    """Return for each type of number the GFLOP/s at each size, and the best of them."""
    found: dict[str, Facts] = {}
    for name, number in TYPES.items():
        by_size: dict[str, dict[str, float]] = {}
        for size in sizes:
            a, b = (torch.randn(size, size).to(number) for _ in range(2))
            out = torch.empty_like(a)
            seconds = times(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), rounds)
            by_size[str(size)] = spread([2 * size**3 / each / 1e9 for each in seconds])
            if min(seconds) > TOO_LONG:
                break
        best = max(by_size, key=lambda size: by_size[size]["max"])
        found[name] = {"gflops": by_size[best]["max"], "best_size": int(best), "sizes": by_size}
    return found


def copies(threads: int, rounds: int) -> dict[str, Facts]:
    """Return GB/s, read and written together, of one thread and of all."""
    source = torch.zeros(COPIED)
    target = torch.empty_like(source)
    moved = 2 * source.element_size() * source.numel()
    found: dict[str, Facts] = {}
    for name, count in {"1 thread": 1, f"{threads} threads": threads}.items():
        torch.set_num_threads(count)
        speeds = [moved / each / 1e9 for each in times(lambda: target.copy_(source), rounds)]
        found[name] = {"gb_per_s": max(speeds), "spread": spread(speeds)}
    torch.set_num_threads(threads)
    return found


def times(work: Work, rounds: int) -> list[float]:
    """Return the seconds of some rounds after one that warms up, which is all if it takes long."""
    found: list[float] = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
        if found[-1] > TOO_LONG:
            return found[-1:]
    return found[1:]


def measure(*, brief: bool) -> Facts:
    """Return all limits; ``brief`` takes some seconds instead of half a minute."""
    keep_freed_memory()
    threads = torch.get_num_threads()
    rounds = 5 if brief else 15
    found = peaks(BRIEF_SIZES if brief else SIZES, rounds)
    return {
        "benchmark": "limits",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts() | {"threads": threads, "bf16_in_hardware": bf16_in_hardware()},
        "versions": package_versions(),
        "rounds": rounds,
        "gflops": {name: each["gflops"] for name, each in found.items()},
        "peaks": found,
        "copies": copies(threads, rounds),
    }


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--json", default=str(HERE / "results" / "limits.json"), help="- prints")
    options.add_argument("--brief", "--quick", action="store_true", help="fewer sizes and rounds")
    options.add_argument("--threads", type=int, help="default: all cores")
    asked = options.parse_args()
    use_threads(asked.threads)
    facts = measure(brief=asked.brief)
    if asked.json == "-":
        print(json.dumps(facts))
    else:
        write_json(Path(asked.json), facts)
        print(limits_table(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
