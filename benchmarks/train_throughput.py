"""How fast does convwise train, beside Keras and PyTorch?

    python benchmarks/train_throughput.py --rounds 5

README.md beside this file says what is measured, and what is not.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from entrants import DEFAULTS, ENTRANTS, Setting, find_pythons
from measuring import (
    bf16_in_hardware,
    limit_cores,
    run_worker,
    write_json,
)
from nets import NETS, PASSES, Net, print_net
from peers import default_folder
from results import summarise
from rounds import Course, compete
from sample import write_sample
from tables import train_tables
from whole_trainings import WHOLE_FIGURES, train_whole

from convwise.data.cores import usable_cores
from convwise.training.machine import machine_facts

HERE = Path(__file__).resolve().parent
# Batches of 128 and of 512 divide each of these, so that nobody has an incomplete one.
SAMPLES = {"keras-convnet": 6_144, "fast": 6_144, "vgg-small": 3_072, "resnet20": 3_072}
QUICK_SAMPLE, TEST_IMAGES, ROUND_IMAGES = 1_024, 2_000, 59_904
EPOCHS = 2

Facts = dict[str, Any]


def main() -> int:
    asked = _read_arguments()
    limit_cores(asked.threads)
    entrants = [each for each in ENTRANTS if each.name in asked.contenders]
    pythons = find_pythons(entrants, asked.peers)
    with tempfile.TemporaryDirectory(prefix="convwise-benchmark-") as folder:
        data = Path(folder) / "fashion-mnist.npz"
        write_sample(data)
        setting = Setting(data, pythons, asked.threads, asked.isa, asked.peers)
        nets = [print_net(name, Path(folder)) for name in asked.nets]
        facts = _facts(asked, nets)
        if not asked.whole:
            facts["limits"] = _aside("limits.py", ["--json", "-", "--brief"], setting)
        write_json(asked.out, facts)
        for net in nets:
            for batch in asked.batch:
                facts["cells"] += _group(asked, setting, net, batch)
                facts |= _summary(asked, facts, nets)
                write_json(asked.out, facts)
        if asked.shares:
            facts["profiles"] = [
                _profile(net, batch, setting) for net in nets for batch in asked.batch
            ]
        facts["complete"] = True
        write_json(asked.out, facts)
    print(train_tables(facts))
    return 1 if any("error" in row for row in facts["results"]) else 0


def _group(asked: argparse.Namespace, setting: Setting, net: Net, batch: int) -> list[Facts]:
    """Measure all entrants with one network and batch size."""
    entrants = {each.name: each for each in ENTRANTS if each.name in asked.contenders}

    def tell(news: str) -> None:
        print(f"{net.name}, batch {batch}, {news}", file=sys.stderr, flush=True)

    if asked.whole:
        rows = train_whole(
            list(entrants),
            lambda name, seed: setting.start(entrants[name], net, batch, seed),
            rounds=asked.rounds,
            cap=asked.cap,
            images=_whole_images(asked),
            tell=tell,
        )
    else:
        learn = {
            "images": QUICK_SAMPLE if asked.quick else SAMPLES.get(net.name, 3_072),
            "test_images": TEST_IMAGES,
            "epochs": EPOCHS,
            "cap": asked.cap,
            "settle": True,
        }
        seconds = 0.3 if asked.quick else asked.seconds
        course = Course(batch, learn, asked.rounds, seconds, ROUND_IMAGES)
        rows = compete(
            list(entrants), lambda name: setting.start(entrants[name], net, batch), course, tell
        )
    return [{"net": net.name, "batch": batch, **row} for row in rows]


def _whole_images(asked: argparse.Namespace) -> int:
    return 6_000 if asked.quick else 60_000


def _summary(asked: argparse.Namespace, facts: Facts, nets: list[Net]) -> Facts:
    figures = WHOLE_FIGURES if asked.whole else ("images_per_second",)
    found = summarise(facts["cells"], DEFAULTS, figures)
    flops = {net.name: PASSES * net.flops for net in nets}
    peak = max(facts.get("limits", {}).get("gflops", {}).values(), default=None)
    for row in found["results"]:
        if peak and "images_per_second" in row:
            done = flops[row["net"]] * row["images_per_second"]["median"]
            row["share_of_peak"] = done / (peak * 1e9)
    return found


def _profile(net: Net, batch: int, setting: Setting) -> Facts:
    words = ["--net", net.name, "--batch", str(batch), "--json", "-"]
    return {"net": net.name, "batch": batch} | _aside("step_profile.py", words, setting)


def _aside(script: str, words: list[str], setting: Setting) -> Facts:
    """Run another benchmark in a process of its own, as convwise is run."""
    environment = setting.environment(ENTRANTS[0])
    return run_worker([sys.executable, str(HERE / script), *words], environment, 300.0)


def _facts(asked: argparse.Namespace, nets: list[Net]) -> Facts:
    """Return what was measured, on what and when; folders are left out, they decide nothing."""
    command = ["python", "benchmarks/train_throughput.py", "--rounds", str(asked.rounds)]
    command += ["--nets", *asked.nets, "--batch", *map(str, asked.batch)]
    command += ["--threads", str(asked.threads), "--cap", f"{asked.cap:g}"]
    command += ["--contenders", *asked.contenders, *(["--isa", asked.isa] if asked.isa else [])]
    command += ["--whole"] * asked.whole + ["--shares"] * asked.shares + ["--quick"] * asked.quick
    return {
        "benchmark": "train_throughput",
        "mode": "whole" if asked.whole else "rounds",
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
        "task": {
            "data": "fashion-mnist",
            "nets": {
                net.name: {"parameters": net.parameters, "flops_per_image": net.flops}
                for net in nets
            },
            "images": _whole_images(asked) if asked.whole else ROUND_IMAGES,
            "epochs": EPOCHS,
            "rounds": asked.rounds,
            "seconds_per_round": asked.seconds,
            "cap_seconds": asked.cap,
        },
        "cells": [],
    }


def _read_arguments() -> argparse.Namespace:
    names = [each.name for each in ENTRANTS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="how often everyone is measured")
    add("--nets", nargs="+", default=None, help=f"networks of the zoo; {' '.join(NETS)}")
    add("--batch", type=int, nargs="+", default=[128, 512], help="batch sizes")
    add("--seconds", type=float, default=1.5, help="that a round takes about")
    add("--quick", action="store_true", help="little samples and rounds: a trial")
    add("--whole", action="store_true", help="whole trainings on all 60,000 images")
    add("--shares", action="store_true", help="profile convwise's step too")
    add("--isa", help="widest instructions of oneDNN, for example AVX2; Numba's are then generic")
    add("--threads", type=int, default=usable_cores(), help="and cores, for all")
    add("--cap", type=float, default=None, help="seconds that a first training may take")
    add("--contenders", nargs="+", choices=names, default=names)
    add("--peers", type=Path, default=default_folder(), help="environments' folder")
    add("--out", type=Path, help="JSON file; each mode and a trial have one of their own")
    asked = parser.parse_args()
    asked.cap = asked.cap or (300.0 if asked.whole else 60.0)
    asked.nets = asked.nets or (["keras-convnet"] if asked.whole else list(NETS))
    if asked.rounds < 1 or min(asked.batch) < 1 or asked.cap <= 0:
        parser.error("--rounds, --batch and --cap must be above 0")
    if not 1 <= asked.threads <= usable_cores():
        parser.error(f"--threads must be between 1 and {usable_cores()}, the cores there are")
    if asked.out is None:
        name = "train_whole" if asked.whole else "train_throughput"
        name += f"_{asked.isa.lower()}" if asked.isa else ""
        asked.out = HERE / "results" / f"{name}{'.quick' * asked.quick}.json"
    asked.peers = asked.peers.expanduser().absolute()
    return asked


if __name__ == "__main__":
    sys.exit(main())
