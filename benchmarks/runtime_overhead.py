"""What does convwise's own code cost above the runtime that computes?

    python benchmarks/runtime_overhead.py --rounds 7

uint8 images in memory, asked about through convwise's Python API and by the runtime's own calls, in
turns. README.md beside this file says what each of them does.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import limit_cores, spread, write_json
from nets import CLASSES, IMAGE, NETS
from numpy.typing import NDArray
from overhead_tables import RAW, overhead_tables
from rounds import rotated

from convwise import Classifier
from convwise.data.cores import usable_cores
from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.prediction import for_prediction
from convwise.model.trained import TrainedModel
from convwise.ship.extras import is_installed
from convwise.ship.onnx_model import INPUT, OUTPUT
from convwise.ship.runtimes import Runtime, race, runtime_of
from convwise.training.machine import machine_facts, package_versions
from convwise.training.train import use_threads

HERE = Path(__file__).resolve().parent
RUNTIMES = ("torch", "onnxruntime", "openvino")
BATCHES = (1, 256)
WARM_UP, LEAST_CALLS = 3, 3
# Of answers that are compared before anything is timed.
TOLERANCE = 1e-4

Facts = dict[str, Any]
Pixels = NDArray[np.uint8]
Ask = Callable[[Pixels], NDArray[np.float32]]


def model_of(net: str) -> TrainedModel:
    """Return a network of the zoo with its first weights: speed does not depend on them."""
    image_format = ImageFormat.parse(IMAGE)
    network = build(plan(net, image_format, CLASSES).require(), seed=0).eval()
    return TrainedModel(network, image_format, tuple(map(str, range(CLASSES))), net)


def entrants(model: TrainedModel, name: str) -> dict[str, Ask]:
    """Return the runtime's own calls, and each way through convwise to the same runtime."""
    runtime = runtime_of(model, name)
    if name == "torch":
        return {
            RAW: raw_torch(model),
            "Runtime.answer": runtime.answer,
            "Classifier.predict_proba": _loaded(model).predict_proba,
        }
    return {RAW: raw_session(runtime), "Runtime.answer": runtime.answer}


def raw_torch(model: TrainedModel) -> Ask:
    """Return what is left if nothing is checked and memory is made once: network and softmax."""
    network = for_prediction(model.network, model.image_format)
    rooms: dict[int, NDArray[np.float32]] = {}

    def ask(pixels: Pixels) -> NDArray[np.float32]:
        room = rooms.get(len(pixels))
        if room is None:
            room = rooms[len(pixels)] = network.room_for(len(pixels), model.image_format)
        network.inside(room)[:] = pixels
        with torch.inference_mode():
            logits = network(torch.from_numpy(room).permute(0, 3, 1, 2))
            found: NDArray[np.float32] = torch.softmax(logits / model.temperature, 1).numpy()
        return found

    return ask


def raw_session(runtime: Runtime) -> Ask:
    """Return the call of ONNX Runtime or OpenVINO itself, on the very object that convwise asks."""
    raw = runtime.raw
    if runtime.name == "onnxruntime":
        return lambda pixels: raw.run([OUTPUT], {INPUT: pixels})[0]
    return lambda pixels: raw(pixels)[0]


def measure(
    asked: Mapping[str, Ask], pixels: Pixels, *, rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Return the median seconds of a call in each round, by entrant; they take turns.

    Raises:
        SystemExit: they do not give the same answers.
    """
    wanted = asked[RAW](pixels)
    for name, ask in asked.items():
        for _ in range(WARM_UP):
            found = ask(pixels)
        if np.abs(found - wanted).max() > TOLERANCE:
            raise SystemExit(f"{name} gives other answers than the runtime itself")
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds):
        for name in rotated([*asked], number):
            taken[name].append(_median_call(asked[name], pixels, seconds))
    return taken


def rows_of(taken: Mapping[str, Sequence[float]], batch: int) -> list[Facts]:
    """Return a row for each entrant; what it costs above the raw runtime is taken by round."""
    rows: list[Facts] = []
    for name, seconds in taken.items():
        row: Facts = {
            "entrant": name,
            "n": len(seconds),
            "ms": spread([1e3 * each for each in seconds]),
            "images_per_second": spread([batch / each for each in seconds]),
        }
        if name != RAW:
            pairs = list(zip(taken[RAW], seconds, strict=True))
            row["share_of_raw"] = spread([raw / mine for raw, mine in pairs])
            row["overhead_us"] = spread([1e6 * (mine - raw) for raw, mine in pairs])
        rows.append(row)
    return rows


def _median_call(ask: Ask, pixels: Pixels, seconds: float) -> float:
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < LEAST_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        ask(pixels)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _loaded(model: TrainedModel) -> Classifier:
    with tempfile.TemporaryDirectory(prefix="convwise-benchmark-") as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(model_bytes(model))
        return Classifier.load(path)


def main() -> int:
    asked = _read_arguments()
    limit_cores(asked.threads)
    use_threads(asked.threads)
    facts = _facts(asked)
    numbers = np.random.default_rng(0)
    for net in asked.nets:
        model = model_of(net)
        facts["chosen"][net] = race(model).chosen.name
        for name in asked.runtimes:
            ways = entrants(model, name)
            for batch in asked.batch:
                shape = (batch, *model.image_format.shape)
                pixels = numbers.integers(0, 256, shape, dtype=np.uint8)
                taken = measure(ways, pixels, rounds=asked.rounds, seconds=asked.seconds)
                where = {"net": net, "runtime": name, "batch": batch}
                facts["results"] += [where | row for row in rows_of(taken, batch)]
                print(f"{net}, {name}, batches of {batch}: done", file=sys.stderr, flush=True)
        write_json(asked.out, facts)
    facts["complete"] = True
    write_json(asked.out, facts)
    print(overhead_tables(facts))
    return 0


def _facts(asked: argparse.Namespace) -> Facts:
    command = ["python", "benchmarks/runtime_overhead.py", "--rounds", str(asked.rounds)]
    command += ["--nets", *asked.nets, "--runtimes", *asked.runtimes]
    command += ["--batch", *map(str, asked.batch), "--threads", str(asked.threads)]
    command += ["--seconds", f"{asked.seconds:g}", *["--quick"] * asked.quick]
    return {
        "benchmark": "runtime_overhead",
        "complete": False,
        "quick": asked.quick,
        "command": " ".join(command),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts()
        | {"threads": asked.threads, "load_average_before": round(os.getloadavg()[0], 2)},
        "versions": package_versions() | {name: version(name) for name in asked.runtimes},
        "rounds": asked.rounds,
        "seconds_per_round": asked.seconds,
        "chosen": {},
        "results": [],
    }


def _read_arguments() -> argparse.Namespace:
    there = [name for name in RUNTIMES if is_installed(name)]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="how often everyone is measured")
    add("--nets", nargs="+", default=list(NETS), help="networks of the zoo")
    add("--runtimes", nargs="+", choices=there, default=there, help="those that are installed")
    add("--batch", type=int, nargs="+", default=list(BATCHES), help="images in a call")
    add("--seconds", type=float, default=None, help="that a measurement takes about")
    add("--quick", action="store_true", help="short measurements: a trial")
    add("--threads", type=int, default=usable_cores(), help="and cores, for all")
    add("--out", type=Path, help="JSON file; a trial has one of its own")
    asked = parser.parse_args()
    asked.seconds = asked.seconds or (0.05 if asked.quick else 0.5)
    if asked.rounds < 1 or not 1 <= min(asked.batch) <= max(asked.batch) <= 256:
        parser.error("--rounds must be above 0 and --batch between 1 and 256")
    if not 1 <= asked.threads <= usable_cores():
        parser.error(f"--threads must be between 1 and {usable_cores()}, the cores there are")
    if asked.out is None:
        asked.out = HERE / "results" / f"runtime_overhead{'.quick' * asked.quick}.json"
    return asked


if __name__ == "__main__":
    sys.exit(main())
