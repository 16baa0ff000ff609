"""How fast does convwise predict, beside Keras and PyTorch?

    python benchmarks/predict_throughput.py --rounds 5

Everybody learns a little first, so that labels mean something, and then predicts batches of uint8
images that lie in memory. README.md beside this file says what is measured, and what is not.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from entrants import DEFAULTS, PREDICTORS, Setting, find_pythons
from measuring import bf16_in_hardware, limit_cores, write_json
from nets import NETS, print_net
from peers import default_folder
from results import summarise
from rounds import PATIENCE, Asked, Tell, rotated
from sample import write_sample
from tables import predict_tables

from convwise.data.cores import usable_cores
from convwise.training.machine import machine_facts

HERE = Path(__file__).resolve().parent
LEARN_BATCH, LEARN_IMAGES, TEST_IMAGES, CAP = 128, 3_072, 2_000, 60.0
FIGURES = ("images_per_second", "latency_ms")

Facts = dict[str, Any]


def predict_in_turns(
    names: Sequence[str],
    start: Callable[[str], Asked],
    batches: Sequence[int],
    *,
    rounds: int,
    seconds: float,
    learn: Facts,
    tell: Tell,
) -> list[Facts]:
    """Let everybody learn, then predict in turns, for about so many seconds at a time.

    Returns:
        A row for each entrant and batch size, with ``learn``, ``agreement_with_fp32`` and
        ``rounds``; ``error`` where it failed.
    """
    rows: dict[tuple[str, int], Facts] = {}
    workers: dict[str, Asked] = {}
    try:
        for name in names:
            worker = workers[name] = start(name)
            learnt = worker.ask({"do": "learn", **learn}, learn["cap"] + PATIENCE)
            agreed = worker.ask({"do": "agreement", "images": learn["test_images"]}, PATIENCE)
            row = {"contender": name, **worker.ready, "learn": learnt}
            row |= {key: agreed[key] for key in ("agreement_with_fp32", "error") if key in agreed}
            if learnt.get("given_up"):
                row["error"] = "too slow to learn"
            for batch in batches:
                rows[name, batch] = row | {"batch": batch, "rounds": []}
            tell(f"{name}: {row.get('error', 'ready')}")
            if "error" in row:
                workers.pop(name).close()
        for number in range(rounds):
            for batch in batches:
                for name in rotated([*workers], number):
                    row = rows[name, batch]
                    of = {"batch": batch, "seconds": seconds}
                    found = workers[name].ask({"do": "predict", "of": of}, PATIENCE)
                    if "error" in found:
                        row["error"] = found["error"]
                    else:
                        row["rounds"].append({"round": number, **found})
            tell(f"round {number + 1}")
    finally:
        for worker in workers.values():
            worker.close()
    return [*rows.values()]


def main() -> int:
    asked = _read_arguments()
    limit_cores(asked.threads)
    entrants = {each.name: each for each in PREDICTORS if each.name in asked.contenders}
    pythons = find_pythons(entrants.values(), asked.peers)
    learn = {
        "images": 512 if asked.quick else LEARN_IMAGES,
        "test_images": TEST_IMAGES,
        "epochs": 1,
        "cap": CAP,
        "settle": True,
    }
    facts = _facts(asked)
    with tempfile.TemporaryDirectory(prefix="convwise-benchmark-") as folder:
        data = Path(folder) / "fashion-mnist.npz"
        write_sample(data)
        setting = Setting(data, pythons, asked.threads, asked.isa, asked.peers)
        for name in asked.nets:
            net = print_net(name, Path(folder))
            rows = predict_in_turns(
                list(entrants),
                lambda entrant, net=net: setting.start(entrants[entrant], net, LEARN_BATCH),
                asked.batch,
                rounds=asked.rounds,
                seconds=asked.seconds,
                learn=learn,
                tell=lambda news, name=name: print(f"{name}, {news}", file=sys.stderr, flush=True),
            )
            facts["cells"] += [{"net": name, **row} for row in rows]
            facts |= summarise(facts["cells"], DEFAULTS, FIGURES)
            write_json(asked.out, facts)
    facts["complete"] = True
    write_json(asked.out, facts)
    print(predict_tables(facts))
    return 1 if any("error" in row for row in facts["results"]) else 0


def _facts(asked: argparse.Namespace) -> Facts:
    command = ["python", "benchmarks/predict_throughput.py", "--rounds", str(asked.rounds)]
    command += ["--nets", *asked.nets, "--batch", *map(str, asked.batch)]
    command += ["--threads", str(asked.threads), "--seconds", f"{asked.seconds:g}"]
    command += [*(["--isa", asked.isa] if asked.isa else []), *["--quick"] * asked.quick]
    return {
        "benchmark": "predict_throughput",
        "complete": False,
        "quick": asked.quick,
        "command": " ".join(command),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts()
        | {
            "bf16_in_hardware": bf16_in_hardware(),
            "threads": asked.threads,
            "isa": asked.isa,
            "load_average_before": round(os.getloadavg()[0], 2),
        },
        "rounds": asked.rounds,
        "seconds_per_round": asked.seconds,
        "cells": [],
    }


def _read_arguments() -> argparse.Namespace:
    names = [each.name for each in PREDICTORS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="how often everyone is measured")
    add("--nets", nargs="+", default=list(NETS), help="networks of the zoo")
    add("--batch", type=int, nargs="+", default=[1, 32, 256], help="images in a call")
    add("--seconds", type=float, default=None, help="that a measurement takes about")
    add("--quick", action="store_true", help="a little sample and short measurements: a trial")
    add("--isa", help="widest instructions of oneDNN, for example AVX2; Numba's are then generic")
    add("--threads", type=int, default=usable_cores(), help="and cores, for all")
    add("--contenders", nargs="+", choices=names, default=names)
    add("--peers", type=Path, default=default_folder(), help="environments' folder")
    add("--out", type=Path, help="JSON file; a trial has one of its own")
    asked = parser.parse_args()
    asked.seconds = asked.seconds or (0.1 if asked.quick else 0.4)
    if asked.rounds < 1 or not 1 <= min(asked.batch) <= max(asked.batch) <= 256:
        parser.error("--rounds must be above 0 and --batch between 1 and 256")
    if not 1 <= asked.threads <= usable_cores():
        parser.error(f"--threads must be between 1 and {usable_cores()}, the cores there are")
    if asked.out is None:
        name = "predict_throughput" + (f"_{asked.isa.lower()}" if asked.isa else "")
        asked.out = HERE / "results" / f"{name}{'.quick' * asked.quick}.json"
    asked.peers = asked.peers.expanduser().absolute()
    return asked


if __name__ == "__main__":
    sys.exit(main())
