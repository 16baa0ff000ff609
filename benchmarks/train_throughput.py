"""How fast does convwise train, beside Keras on TensorFlow and a plain PyTorch loop?

    python benchmarks/train_throughput.py --rounds 5

README.md beside this file says what is measured, and what is not.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import bf16_in_hardware, limit_cores, run_worker, worker_environment, write_json
from numpy.typing import NDArray
from peers import default_folder, peer_python
from results import summarise, to_markdown

from convwise.data import load_data
from convwise.data.cores import usable_cores
from convwise.training.machine import machine_facts

HERE = Path(__file__).resolve().parent
PROBE_STEPS = 20
# Beside the training that the cap is about: imports, and scoring the test images.
START_SECONDS = 120.0


@dataclass(frozen=True)
class Contender:
    """One of those who train.

    Args:
        name: in the results.
        script: file in ``contenders/``.
        environment: of a peer, described by ``peers-NAME.txt``; None is convwise's own.
        precision: passed to the script.
    """

    name: str
    script: str
    environment: str | None = None
    precision: str = "fp32"


CONTENDERS = (
    Contender("convwise", "convwise_net.py"),
    Contender("keras-fp32", "keras_tensorflow.py", environment="tensorflow"),
    Contender("keras-bf16", "keras_tensorflow.py", environment="tensorflow", precision="bf16"),
    Contender("plain-torch", "plain_torch.py"),
)


@dataclass(frozen=True)
class Bench:
    """Everything that is the same for all measurements."""

    data: Path
    pythons: dict[str | None, Path]
    epochs: int
    images: int
    threads: int
    cap: float

    def measure(self, contender: Contender, batch: int, seed: int) -> dict[str, Any]:
        """Let a contender train to the end."""
        return self._run(contender, batch, ["--seed", str(seed)])

    def probe(self, contender: Contender, batch: int) -> dict[str, Any]:
        """Let a contender take a few steps, and project from them how long it will train."""
        seconds = self.cap / 10
        limits = ["--probe-steps", str(PROBE_STEPS), "--probe-seconds", str(seconds)]
        facts = self._run(contender, batch, limits)
        if "error" not in facts:
            facts["projected_seconds"] = self.images * self.epochs / facts["images_per_second"]
        return facts

    def _run(self, contender: Contender, batch: int, more: list[str]) -> dict[str, Any]:
        command = [
            str(self.pythons[contender.environment]),
            str(HERE / "contenders" / contender.script),
            *("--data", str(self.data), "--batch", str(batch), "--epochs", str(self.epochs)),
            *("--threads", str(self.threads), "--precision", contender.precision),
            *more,
        ]
        ours = os.pathsep.join(filter(None, sys.path)) if contender.environment is None else None
        environment = worker_environment(self.threads, python_path=ours)
        return run_worker(command, environment, self.cap + START_SECONDS)


def main() -> int:
    asked = _read_arguments()
    limit_cores(asked.threads)
    contenders = [each for each in CONTENDERS if each.name in asked.contenders]
    pythons: dict[str | None, Path] = {None: Path(sys.executable)}
    try:
        for name in {each.environment for each in contenders}:
            if name is not None:
                pythons[name] = peer_python(name, HERE / f"peers-{name}.txt", asked.peers)
    except subprocess.CalledProcessError as error:
        print(f"a peer's environment could not be made: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="convwise-benchmark-") as folder:
        path = Path(folder) / "fashion-mnist.npz"
        images, test_images = _write_data(path, quick=asked.quick)
        epochs = 1 if asked.quick else 2
        bench = Bench(path, pythons, epochs, images, asked.threads, asked.cap)
        facts = _facts(asked, images, test_images, epochs)
        probes = _probe_all(bench, contenders, asked.batch)
        facts["probes"], facts["measurements"] = probes, []
        for number in range(asked.rounds):
            facts["measurements"] += _round(bench, contenders, asked.batch, number, probes)
            facts |= summarise(probes, facts["measurements"])
            facts["complete"] = number == asked.rounds - 1
            write_json(asked.out, facts)
    print(to_markdown(facts))
    failed = any("error" in each for each in [*probes, *facts["measurements"]])
    return 1 if failed else 0


def _probe_all(
    bench: Bench, contenders: list[Contender], batches: list[int]
) -> list[dict[str, Any]]:
    probes = []
    for batch in batches:
        for contender in contenders:
            facts = bench.probe(contender, batch)
            if facts.get("projected_seconds", 0.0) > bench.cap:
                # A moment in which the machine was busy must not shut anyone out.
                facts = _faster(facts, bench.probe(contender, batch))
            too_slow = facts.get("projected_seconds", 0.0) > bench.cap
            # Not one step within the cap, or no step at all: it is not started again.
            facts["measured"] = "error" not in facts and not too_slow
            _tell(f"probe, batch {batch}, {contender.name}", facts)
            probes.append({"contender": contender.name, "batch": batch, **facts})
    return probes


def _faster(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the faster of two probes, which also tells both speeds."""
    both = [each["images_per_second"] for each in (first, second) if "error" not in each]
    better = second if second.get("images_per_second", 0.0) > both[0] else first
    return better | {"probed_images_per_second": both}


def _round(
    bench: Bench,
    contenders: list[Contender],
    batches: list[int],
    number: int,
    probes: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Measure everyone once, beginning with another contender in each round."""
    measured = {(each["contender"], each["batch"]) for each in probes if each["measured"]}
    first = number % len(contenders)
    found = []
    for batch in batches:
        for contender in contenders[first:] + contenders[:first]:
            if (contender.name, batch) not in measured:
                continue
            facts = bench.measure(contender, batch, seed=number)
            _tell(f"round {number + 1}, batch {batch}, {contender.name}", facts)
            found.append(
                {"round": number, "contender": contender.name, "batch": batch, "seed": number}
                | facts
            )
    return found


def _tell(what: str, facts: dict[str, Any]) -> None:
    if "error" in facts:
        news = facts["error"]
    else:
        news = f"{facts['images_per_second']:,.0f} images/s"
        if "projected_seconds" in facts:
            news += f", so training takes about {facts['projected_seconds']:,.0f} s"
        if not facts.get("measured", True):
            news += ", which is over the cap: projected, not measured"
    print(f"{what}: {news}", file=sys.stderr, flush=True)


def _write_data(path: Path, *, quick: bool) -> tuple[int, int]:
    """Write all 60,000 training and 10,000 test images; return how many there are of each.

    convwise keeps a split sorted by class. Here both are mixed, once and alike for all, so that
    the first images are a fair sample of ten classes.
    """
    stores = load_data("fashion-mnist").decode().stores
    counts = {"train": 6_000, "test": 2_000} if quick else {"train": 60_000, "test": 10_000}
    arrays: dict[str, NDArray[Any]] = {}
    for split, names in (("train", ("train", "validation")), ("test", ("test",))):
        pixels = np.concatenate([stores[name].pixels for name in names])
        labels = np.concatenate([stores[name].labels for name in names])
        chosen = np.random.default_rng(0).permutation(len(labels))[: counts[split]]
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = pixels[chosen], labels[chosen]
        require_balance(arrays[f"{split}_labels"], counts[split])
    np.savez(path, **arrays)
    return counts["train"], counts["test"]


def require_balance(labels: NDArray[np.int64], count: int) -> None:
    """Stop where a split is not what it should be: so many images, evenly of ten classes.

    A sample of one or two classes trains just as fast, and says nothing.
    """
    found = np.bincount(labels, minlength=10)
    share = found / max(len(labels), 1)
    if len(labels) != count or len(found) != 10 or abs(share - 0.1).max() > 0.025:
        raise SystemExit(f"expected {count:,} images evenly of 10 classes, found {found.tolist()}")


def _facts(asked: argparse.Namespace, images: int, test_images: int, epochs: int) -> dict[str, Any]:
    """Return what was measured, on what and when; folders are left out, they decide nothing."""
    command = ["python", "benchmarks/train_throughput.py", "--rounds", str(asked.rounds)]
    command += ["--batch", *map(str, asked.batch), "--threads", str(asked.threads)]
    command += ["--cap", f"{asked.cap:g}", "--contenders", *asked.contenders]
    return {
        "benchmark": "train_throughput",
        "complete": False,
        "quick": asked.quick,
        "command": " ".join(command + ["--quick"] * asked.quick),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts()
        | {
            "bf16_in_hardware": bf16_in_hardware(),
            "threads": asked.threads,
            "load_average_before": round(os.getloadavg()[0], 2),
        },
        "task": {
            "data": "fashion-mnist",
            "network": "keras-convnet",
            "parameters": 34_826,
            "images": images,
            "test_images": test_images,
            "epochs": epochs,
            "rounds": asked.rounds,
            "cap_seconds": asked.cap,
        },
    }


def _read_arguments() -> argparse.Namespace:
    names = [each.name for each in CONTENDERS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often everyone trains")
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 512], help="batch sizes")
    parser.add_argument("--quick", action="store_true", help="6,000 images, 1 epoch: a trial")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="and cores, for all")
    parser.add_argument("--cap", type=float, default=300.0, help="seconds that a training may take")
    parser.add_argument("--contenders", nargs="+", choices=names, default=names)
    parser.add_argument("--peers", type=Path, default=default_folder(), help="environments' folder")
    parser.add_argument("--out", type=Path, help="JSON file; a trial has one of its own")
    asked = parser.parse_args()
    if asked.rounds < 1 or min(asked.batch) < 1 or asked.cap <= 0:
        parser.error("--rounds, --batch and --cap must be above 0")
    if not 1 <= asked.threads <= usable_cores():
        parser.error(f"--threads must be between 1 and {usable_cores()}, the cores there are")
    if asked.out is None:
        asked.out = HERE / "results" / f"train_throughput{'.quick' * asked.quick}.json"
    asked.peers = asked.peers.expanduser().absolute()
    return asked


if __name__ == "__main__":
    sys.exit(main())
