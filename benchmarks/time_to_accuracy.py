"""What accuracy does a given time buy, and how long does the Keras example take to get there?

    python benchmarks/time_to_accuracy.py
    python benchmarks/time_to_accuracy.py --limits 8 45 --seeds 2 --skip-keras

``convwise train fashion-mnist --network auto --time-limit …`` is run as a user runs it, for each
limit and seed; the test split is scored once, at its end. Beside it, in the same run, the convnet
of the Keras documentation trains on TensorFlow as it is written there (batch 128, 15 epochs, nine
tenths of the training images, fp32); its test accuracy is measured after every epoch, and that
measuring is not counted as training. The chart is drawn over the logarithm of the seconds of
training.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from entrants import ENTRANTS, Setting, find_pythons
from measuring import limit_cores, spread, worker_environment, write_json
from nets import print_net
from peers import default_folder
from sample import write_sample
from tables import accuracy_tables

from convwise.data.cores import usable_cores
from convwise.report.charts.axes import Plot, Scale, frame, round_ticks
from convwise.report.charts.svg import drawing, element, polyline
from convwise.training.machine import machine_facts, package_versions

HERE = Path(__file__).resolve().parent
LIMITS, SEEDS = (8.0, 45.0, 120.0, 480.0), 5
GOALS = {8.0: 0.90, 45.0: 0.93, 120.0: 0.94, 480.0: 0.95}
KERAS = "keras-tf-fp32"
KERAS_NET, KERAS_BATCH, KERAS_EPOCHS, KERAS_IMAGES = "keras-convnet", 128, 15, 54_000
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 380, 56, 150, 40, 60
STYLE = (
    "text{font:13px sans-serif;fill:#555} .axis{fill:#222} .grid{stroke:#ddd} .base{stroke:#888}"
    " .line{fill:none;stroke-width:2} .ours{stroke:#0b6e99;fill:#0b6e99} .line.ours{fill:none}"
    " .theirs{stroke:#b0562d;fill:#b0562d} .line.theirs{fill:none} .range{stroke-width:1.5}"
    " text.ours,text.theirs{stroke:none}"
)

Facts = dict[str, Any]


def train_for(limit: float, seed: int, *, data: str, threads: int) -> Facts:
    """Train by the command for so many seconds; return what it says, or ``error``."""
    with tempfile.TemporaryDirectory(prefix="convwise-benchmark-") as folder:
        command = [sys.executable, "-m", "convwise", "train", data, "--json"]
        command += ["--network", "auto"]
        command += ["--time-limit", f"{limit:g}s", "--seed", str(seed)]
        command += ["--threads", str(threads), "--out", str(Path(folder) / "run")]
        path = ":".join(filter(None, sys.path))
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            env=worker_environment(threads, python_path=path),
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
    if done.returncode:
        sys.stderr.write(done.stderr)
        return {"error": f"ended with status {done.returncode}"}
    told = json.loads(done.stdout.splitlines()[-1])
    kept = ("test_accuracy", "validation_accuracy", "train_seconds", "precision")
    return {name: told[name] for name in kept} | {"process_seconds": seconds}


def train_keras(setting: Setting, folder: Path, *, epochs: int, images: int) -> Facts:
    """Train the example; return seconds and test accuracy after each epoch."""
    entrant = next(each for each in ENTRANTS if each.name == KERAS)
    worker = setting.start(entrant, print_net(KERAS_NET, folder), KERAS_BATCH)
    learn = {"do": "learn", "images": images, "test_images": 10_000, "epochs": epochs}
    try:
        found = worker.ask(learn | {"score_epochs": True}, 3_600.0)
    finally:
        worker.close()
    if "error" in found:
        return {"error": found["error"]}
    seconds = accumulate(found["epoch_seconds"])
    pairs = zip(seconds, found["epoch_accuracy"], strict=True)
    told = [
        {"epoch": number, "seconds": at, "test_accuracy": accuracy}
        for number, (at, accuracy) in enumerate(pairs, start=1)
    ]
    return {"epochs": told, "versions": worker.ready["versions"], "images": images}


def summary(runs: Sequence[Facts], epochs: Sequence[Facts]) -> list[Facts]:
    """Return for each limit the spread over its seeds, and Keras's seconds to the same median.

    ``keras_seconds`` is None where the example never gets as far.
    """
    rows = []
    for limit in sorted({run["limit"] for run in runs}):
        done = [run for run in runs if run["limit"] == limit and "error" not in run]
        row: Facts = {"limit": limit, "n": len(done), "goal": GOALS.get(limit)}
        if done:
            for name in ("test_accuracy", "train_seconds", "process_seconds"):
                row[name] = spread([run[name] for run in done])
            reached = [
                each["seconds"]
                for each in epochs
                if each["test_accuracy"] >= row["test_accuracy"]["median"]
            ]
            row["keras_seconds"] = min(reached, default=None)
        rows.append(row)
    return rows


def chart(results: Sequence[Facts], epochs: Sequence[Facts]) -> str:
    """Return accuracy against seconds of training as SVG: medians, ranges over seeds, Keras."""
    done = [row for row in results if "test_accuracy" in row]
    times = [row["train_seconds"]["median"] for row in done] + [each["seconds"] for each in epochs]
    values = [row["test_accuracy"][end] for row in done for end in ("min", "max")]
    values += [each["test_accuracy"] for each in epochs]
    if not times:
        raise ValueError("nothing was measured that could be drawn")
    ticks = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
    low, high = math.log10(min(times)) - 0.08, math.log10(max(times)) + 0.08
    across = [place for place in map(math.log10, ticks) if low <= place <= high]
    upwards = tuple(tick for tick in round_ticks(min(values), max(values)) if tick <= 1)
    plot = Plot(
        Scale(low, high, LEFT, WIDTH - RIGHT, tuple(across)),
        Scale(upwards[0], max(upwards[-1], max(values)), HEIGHT - BOTTOM, TOP, upwards),
    )
    ours = [
        (plot.place(math.log10(row["train_seconds"]["median"]), row["test_accuracy"]["median"]))
        for row in done
    ]
    theirs = [plot.place(math.log10(each["seconds"]), each["test_accuracy"]) for each in epochs]
    parts = [polyline(ours, "line ours"), polyline(theirs, "line theirs")]
    for row, (x, _) in zip(done, ours, strict=True):
        ends = [plot.y(row["test_accuracy"][end]) for end in ("min", "max")]
        parts.append(element("line", class_="ours range", x1=x, x2=x, y1=ends[0], y2=ends[1]))
    for places, name, style in ((ours, "convwise", "ours"), (theirs, "Keras's example", "theirs")):
        parts += [element("circle", class_=style, cx=x, cy=y, r=3) for x, y in places]
        if places:
            x, y = places[-1]
            parts.append(element("text", name, class_=style, x=x + 9, y=y + 4))
    title = "Test accuracy against seconds of training"
    return str(
        drawing(
            "time-to-accuracy",
            title,
            "Medians of convwise's time limits with the range over seeds, and each epoch of the"
            " Keras documentation's convnet.",
            (WIDTH, HEIGHT),
            element("style", STYLE),
            frame(
                plot,
                "Seconds of training (logarithmic)",
                "Test accuracy (%)",
                lambda x: f"{10**x:.0f}",
                lambda y: f"{100 * y:g}",
            ),
            *parts,
        )
    ).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def main() -> int:
    asked = _read_arguments()
    limit_cores(asked.threads)
    facts: Facts = {
        "benchmark": "time_to_accuracy",
        "complete": False,
        "quick": asked.quick,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts() | {"threads": asked.threads},
        "versions": package_versions(),
        "data": asked.data,
        "runs": [],
        "keras": {},
    }
    if not asked.skip_keras:
        entrant = [each for each in ENTRANTS if each.name == KERAS]
        pythons = find_pythons(entrant, asked.peers)
        with tempfile.TemporaryDirectory(prefix="convwise-benchmark-") as folder:
            data = Path(folder) / "fashion-mnist.npz"
            write_sample(data)
            setting = Setting(data, pythons, asked.threads, None, asked.peers)
            facts["keras"] = train_keras(
                setting,
                Path(folder),
                epochs=2 if asked.quick else KERAS_EPOCHS,
                images=6_000 if asked.quick else KERAS_IMAGES,
            )
    epochs = facts["keras"].get("epochs", [])
    for seed in range(asked.seeds):
        for limit in asked.limits:
            found = train_for(limit, seed, data=asked.data, threads=asked.threads)
            facts["runs"].append({"limit": limit, "seed": seed} | found)
            news = found.get("error") or f"test accuracy {found['test_accuracy']:.4f}"
            print(f"{limit:g} s, seed {seed}: {news}", file=sys.stderr, flush=True)
            facts["results"] = summary(facts["runs"], epochs)
            write_json(asked.out, facts)
    facts["complete"] = True
    write_json(asked.out, facts)
    asked.out.with_suffix(".svg").write_text(chart(facts["results"], epochs), encoding="utf-8")
    print(accuracy_tables(facts))
    return 1 if "error" in facts["keras"] or any("error" in run for run in facts["runs"]) else 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--limits", type=float, nargs="+", default=list(LIMITS), help="seconds")
    add("--seeds", type=int, default=SEEDS, help="how many, from 0")
    add("--skip-keras", action="store_true")
    add("--data", default="fashion-mnist")
    add("--quick", action="store_true", help="two epochs of 6,000 images for Keras: a trial")
    add("--threads", type=int, default=usable_cores(), help="and cores, for all")
    add("--peers", type=Path, default=default_folder(), help="environments' folder")
    add("--out", type=Path, help="JSON file; the chart lies beside it")
    asked = parser.parse_args()
    if asked.seeds < 1 or min(asked.limits) <= 0:
        parser.error("--seeds and --limits must be above 0")
    if asked.out is None:
        asked.out = HERE / "results" / f"time_to_accuracy{'.quick' * asked.quick}.json"
    asked.peers = asked.peers.expanduser().absolute()
    return asked


if __name__ == "__main__":
    sys.exit(main())
