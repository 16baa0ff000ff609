"""Two processes that train together; forked from one script, so that torch is imported once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.training.world import World

SCRIPT = """
import hashlib, json, os, signal, socket, sys, traceback
from pathlib import Path
import numpy as np
from convwise.data.arrays import ArraySamples
from convwise.data.dataset import Dataset, Decoded
from convwise.data.listing import consecutive
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.training.keeper import Saving
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.resume import resume
from convwise.training.train import train
from convwise.training.world import world_of_environment

FOLDER = Path(sys.argv[1])
NORMAL = "conv 4 3 same norm relu | maxpool 2 | flatten | dense classes"
PLAIN = "conv 4 3 same relu | maxpool 2 | flatten | dense classes"

def decoded():
    generator = np.random.default_rng(1)
    stores = {}
    for split, count in (("train", 43), ("validation", 9), ("test", 13)):
        labels = np.arange(count) % 3
        pixels = generator.integers(0, 90, (count, 8, 8, 1), dtype=np.uint8)
        for number, label in enumerate(labels):
            pixels[number, 2 * label : 2 * label + 3] += 150
        stores[split] = PixelStore(pixels, labels, tuple(map(str, range(count))))
    samples = ArraySamples.of(
        np.concatenate([each.pixels for each in stores.values()]),
        np.concatenate([each.labels for each in stores.values()]),
        "bars",
    )
    splits = consecutive({split: len(each) for split, each in stores.items()})
    classes = ("low", "middle", "top")
    return Decoded(Dataset("bars", "bars", classes, ImageFormat(8, 8, 1), samples, splits), stores)

class Dying(Watcher):
    left = 5
    def step(self, *values):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

class Rates(Watcher):
    # Leaves the learning rates of one process.
    def __init__(self, name):
        self.name, self.rates = name, []
    def batch(self, record):
        self.rates.append(record.learning_rate)
    def epoch(self, record):
        (FOLDER / self.name).write_text(json.dumps(self.rates))

def together(work, size=2):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size)}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            code = 1
            try:
                with world_of_environment() as world:
                    work(world, rank)
                code = 0
            except SystemExit as end:
                code = end.code
            except BaseException as error:
                (FOLDER / f"error-{rank}.txt").write_text(f"{type(error).__name__}: {error}")
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

def training(name, network=NORMAL, watcher=None, **settings):
    recipe = Recipe(**{"epochs": 4, "batch_size": 10, "prune_easy": 0.5} | settings)
    def work(world, rank):
        train(decoded(), network, recipe, out=FOLDER / name, seed=3, precision="fp32", threads=1,
              saving=Saving(every=0.0), watcher=watcher if rank else None, world=world)
    return work

def digest(name):
    return hashlib.sha256((FOLDER / name / "model.safetensors").read_bytes()).hexdigest()

told = {"alone": together(training("alone"))}
told["killed"] = together(training("killed", watcher=Dying()))
told["error"] = (FOLDER / "error-0.txt").read_text()
told["resumed"] = together(lambda world, rank: resume(FOLDER / "killed", decoded(), world=world))
told["same"] = digest("alone") == digest("killed")
simple = {"prune_easy": 0, "epochs": 2, "optimizer": "sgd", "learning_rate": 0.02}
together(training("one", PLAIN, **simple), size=1)
together(training("two", PLAIN, **simple))
together(training("normal one", NORMAL, **simple), size=1)
together(training("normal two", NORMAL, sync_norm=True, **simple))
together(training("normal apart", NORMAL, **simple))
def hurried(world, rank):
    train(decoded(), PLAIN, Recipe(time_limit=3.0, batch_size=10), out=FOLDER / "hurried", seed=3,
          precision="fp32", threads=1, watcher=Rates(f"rates-{rank}.json"), world=world)
together(hurried)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("world")
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return folder, json.loads(result.stdout.splitlines()[-1])


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").open()]


def test_both_processes_end_well_and_one_of_them_writes(told: Any) -> None:
    folder, facts = told
    assert facts["alone"] == [0, 0]
    run = json.loads((folder / "alone" / "run.json").read_text())
    assert (run["status"], run["decides_bits"]["ranks"]) == ("finished", 2)
    assert [record["epoch"] for record in history(folder / "alone")] == [1, 2, 3, 4]


def test_every_test_image_is_scored_once(told: Any) -> None:
    folder, _ = told
    metrics = json.loads((folder / "alone" / "metrics.json").read_text())
    assert metrics["test"]["images"] == 13
    rows = (folder / "alone" / "predictions.csv").read_text().splitlines()[1:]
    assert sorted(int(row.split(",")[0]) for row in rows) == list(range(13))


def test_a_process_that_dies_ends_the_other_with_a_clear_message(told: Any) -> None:
    _, facts = told
    assert facts["killed"] == [1, -9]
    assert facts["error"].startswith("TrainingError: another process of this training has died")


def test_a_training_that_lost_a_process_is_resumed_to_the_same_bits(told: Any) -> None:
    folder, facts = told
    assert facts["resumed"] == [0, 0]
    assert facts["same"]
    timings = ("seconds", "images_per_second")
    first, again = (
        [{k: v for k, v in record.items() if k not in timings} for record in history(folder / name)]
        for name in ("alone", "killed")
    )
    assert first == again


def test_two_processes_learn_what_one_does(told: Any) -> None:
    folder, _ = told
    one, two = history(folder / "one"), history(folder / "two")
    for ours, theirs in zip(one, two, strict=True):
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4), name


def test_with_synchronised_normalisation_two_processes_learn_what_one_does(told: Any) -> None:
    folder, _ = told
    one, two, apart = (
        history(folder / name)[-1] for name in ("normal one", "normal two", "normal apart")
    )
    for name in ("train_loss", "validation_loss"):
        assert two[name] == pytest.approx(one[name], rel=1e-3), name
        # Else the test would show nothing.
        assert apart[name] != pytest.approx(one[name], rel=1e-3), name


def test_under_a_time_limit_all_processes_have_the_same_learning_rates(told: Any) -> None:
    folder, _ = told
    first, second = (json.loads((folder / f"rates-{rank}.json").read_text()) for rank in (0, 1))
    assert len(first) > 1
    assert first == second


def test_the_parts_of_all_processes_make_up_a_batch() -> None:
    positions = np.arange(11)
    parts = [World(rank, 3).part(positions) for rank in range(3)]
    assert sorted(np.concatenate(parts).tolist()) == positions.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_alone_nothing_is_asked_of_others() -> None:
    world = World()
    assert world.agreed("this") == "this"
    values = np.array([1.0, np.inf])
    assert world.merged(values, np.array([True, False])) is values
