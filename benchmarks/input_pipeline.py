"""How fast do pictures reach the network, beside a torch DataLoader that reads them with Pillow?

    python benchmarks/input_pipeline.py --repeats 5

The script makes a class folder of JPEGs of 500×375 once, and keeps it. In each round a process of
its own measures each of:

- ``dataloader``: ``DataLoader`` with 2 workers, batch 128, shuffled, in the habit of ImageFolder:
  open, convert to RGB, resize to 128×128 (Pillow's bilinear), float32 divided by 255. Two epochs.
- ``convwise``: listing and decoding the folder to 128×128 into an empty pixel cache; an epoch of
  training batches; opening the cache as the next run does; another epoch. Batches are what
  ``train`` makes of this folder: shuffled, augmented by default, normalised float32.
- ``waiting``: ``fit_model`` trains ``fast`` for two epochs on some of these images; told is the
  second epoch's time in getting batches, divided by its time. Validation is in neither.

``first pass`` of convwise is listing and decoding alone: its batches need the mean of all training
images first. ``first pass and first batches`` adds that mean and the first epoch's batches.

The first two take turns in going first. Each starts with all JPEGs in the system's file cache, so
that the disk decides nothing, and resizes by stretching, so that both make the same pictures.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from measuring import paired_ratios, run_worker, spread, worker_environment, write_json
from numpy.typing import NDArray
from peers import default_folder
from PIL import Image, ImageDraw
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from convwise.data import Dataset, Decoded, load_data
from convwise.data.batches import Batch, Batches
from convwise.data.cores import usable_cores
from convwise.data.pixel_cache import PixelCache
from convwise.data.store import PixelStore
from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.training.facts import measured_format
from convwise.training.fit import fit_model
from convwise.training.machine import machine_facts, package_versions
from convwise.training.make_loop import training_batches
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.train import use_threads

HERE = Path(__file__).resolve().parent
IMAGES, REPEATS = 20_000, 5
WIDTH, HEIGHT, SIDE, BATCH = 500, 375, 128, 128
CLASSES, MAKERS, LOADERS = 10, 2, 2
# Pictures that are changes of one base.
CHANGES = 64
LONGEST_SECONDS = 3600.0
GOALS = {"first_pass": 2.0, "later_epoch": 20.0, "waiting": 0.03}

Facts = dict[str, Any]
Pixels = NDArray[np.uint8]


# The pictures.


def pictures(folder: Path, count: int) -> Path:
    """Return a class folder of so many JPEGs, made if it is not there, whole or not at all."""
    made = folder / f"jpegs-{count}"
    if not made.is_dir():
        aside = folder / f".{made.name}.{os.getpid()}"
        try:
            for label in range(CLASSES):
                (aside / f"class_{label}").mkdir(parents=True)
            starts = range(0, count, CHANGES)
            with ProcessPoolExecutor(MAKERS) as makers:
                _tell(f"making {count:,} pictures, which are kept in {made}")
                for _ in makers.map(partial(_write_some, aside, count), starts):
                    pass
            aside.rename(made)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return made


def _write_some(folder: Path, count: int, start: int) -> None:
    random = np.random.default_rng(start)
    base = _base(random)
    for number in range(start, min(start + CHANGES, count)):
        path = folder / f"class_{number % CLASSES}" / f"{number:06d}.jpg"
        Image.fromarray(_changed(base, random)).save(path, "JPEG", quality=85)


def _base(random: np.random.Generator) -> Pixels:
    """Return smooth noise with a photograph's fall of fine detail, some shapes, and grain."""
    canvas = np.full((HEIGHT, WIDTH, 3), random.uniform(80, 170, 3))
    for cells in (3, 6, 12, 24, 48, 96, 192):
        coarse = random.normal(0.0, 90.0 / cells**0.7, (cells * 3 // 4, cells)).astype(np.float32)
        fine = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        canvas += np.asarray(fine)[:, :, None] * random.uniform(0.6, 1.2, 3)
    drawn = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(drawn)
    for shape in range(14):
        x, y = random.uniform(0, (WIDTH, HEIGHT))
        a, b = random.uniform(10, 90, 2)
        draw = (pen.ellipse, pen.rectangle, pen.arc)[shape % 3]
        colour = tuple(random.integers(0, 256, 3).tolist())
        more = (0, 300, colour, 3) if shape % 3 == 2 else (colour,)
        draw((x - a, y - b, x + a, y + b), *more)
    grain = random.normal(0.0, 4.0, (HEIGHT, WIDTH, 1))
    return (np.asarray(drawn) + grain).clip(0, 255).astype(np.uint8)


def _changed(base: Pixels, random: np.random.Generator) -> Pixels:
    """Return the base moved round, perhaps mirrored, in another light."""
    moved = np.roll(base, random.integers(0, (HEIGHT, WIDTH)).tolist(), (0, 1))
    if random.random() < 0.5:
        moved = moved[:, ::-1]
    levels = np.arange(256)[:, None] * random.uniform(0.75, 1.2, 3) + random.uniform(-15, 15)
    table = levels.clip(0, 255).astype(np.uint8)
    return np.stack([table[moved[:, :, channel], channel] for channel in range(3)], axis=2)


def warm(folder: Path) -> int:
    """Read all files once, let what is to be written be written, and return the bytes."""
    os.sync()
    return sum(len(path.read_bytes()) for path in folder.rglob("*.jpg"))


# The peer.


class ImageFolderHabit(TorchDataset[tuple[torch.Tensor, int]]):
    """What ``torchvision.datasets.ImageFolder`` with Resize and ToTensor does."""

    def __init__(self, folder: Path) -> None:
        homes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        self.samples = [
            (str(path), label)
            for label, home in enumerate(homes)
            for path in sorted((folder / home).iterdir())
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.samples[index]
        with open(path, "rb") as file:  # noqa: PTH123 - as it is there
            image = Image.open(file).convert("RGB")
        image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        values = torch.from_numpy(np.array(image, copy=True)).permute(2, 0, 1).contiguous()
        return values.to(torch.float32).div(255), label


def measure_dataloader(folder: Path, cache: Path) -> Facts:
    use_threads(None)
    start = time.perf_counter()
    samples = ImageFolderHabit(folder)
    loader = DataLoader(samples, batch_size=BATCH, shuffle=True, num_workers=LOADERS)
    speeds = []
    for _ in range(2):
        speeds.append(sum(len(labels) for _, labels in loader) / (time.perf_counter() - start))
        start = time.perf_counter()
    return {"first_pass": speeds[0], "first_epoch": speeds[0], "later_epoch": speeds[1]}


# Ourselves.


def measure_convwise(folder: Path, cache: Path) -> Facts:
    use_threads(None)
    shutil.rmtree(cache, ignore_errors=True)
    start = time.perf_counter()
    dataset, decoded = _decoded(folder, cache)
    first = time.perf_counter() - start
    batches = _training_batches(decoded)
    images = sum(len(batch.labels) for batch in batches.epoch(1))
    # Decoding serves all splits, the batches only training: so decoding counts by its share.
    share = len(batches.store) / len(dataset.samples)
    first_epoch = images / (share * first + time.perf_counter() - start - first)
    start = time.perf_counter()
    _, decoded = _decoded(folder, cache)
    opening = time.perf_counter() - start
    batches = _training_batches(decoded)
    start = time.perf_counter()
    images = sum(len(batch.labels) for batch in batches.epoch(2))
    return {
        "first_pass": len(dataset.samples) / first,
        "first_epoch": first_epoch,
        "later_epoch": images / (time.perf_counter() - start),
        "opening_seconds": opening,
        "later_epoch_images": images,
    }


def _decoded(folder: Path, cache: Path) -> tuple[Dataset, Decoded]:
    """List and decode; the cache takes a set of any size, or a trial would not measure it."""
    dataset = load_data(folder, image_size=SIDE, channels=3, resize="stretch")
    decoded = dataset.decode(cache=PixelCache(cache, notice=_tell, smallest=0))
    if decoded.skipped:
        raise RuntimeError(f"{len(decoded.skipped)} pictures were skipped: {decoded.skipped[0]}")
    return dataset, decoded


def _training_batches(decoded: Decoded) -> Batches:
    store = decoded.stores["train"]
    recipe = Recipe(batch_size=BATCH, shift=_default_shift(store))
    return training_batches(store, measured_format(decoded), recipe, seed=0)


def _default_shift(store: PixelStore) -> int:
    recipe = Recipe()
    return recipe.shift_for(recipe.epochs_for(len(store)) or 0)


def measure_waiting(folder: Path, cache: Path, images: int) -> Facts:
    use_threads(None)
    dataset, decoded = _decoded(folder, cache)
    train = decoded.stores["train"]
    chosen = np.linspace(0, len(train) - 1, min(images, len(train))).astype(np.int64)
    shift, train = _default_shift(train), train.select(chosen)
    timed: list[Facts] = []
    # It is fit_model that makes the batches; so what is measured is the product's own loop.
    with mock.patch("convwise.training.make_loop.Batches", partial(TimedBatches, timed)):
        fitted = fit_model(
            plan(resolve_network("fast"), dataset.format, len(dataset.classes)).require(),
            train,
            decoded.stores["validation"].select(np.arange(1)),
            image_format=measured_format(decoded),
            classes=dataset.classes,
            name="fast",
            recipe=Recipe(epochs=2, batch_size=BATCH, shift=shift),
            seed=0,
            precision="auto",
            watcher=Watcher(),
        )
    last = timed[-1]
    return {
        "waiting": last["waited"] / last["seconds"],
        "training_images_per_second": last["images"] / last["seconds"],
        "precision": fitted.race.chosen,
        "epochs": timed,
    }


class TimedBatches(Batches):
    """Batches that note how long each epoch took, and how long getting them."""

    def __init__(self, timed: list[Facts], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.timed = timed

    def epoch(
        self, number: int, kept: NDArray[np.bool_] | None = None, *, done: int = 0
    ) -> Iterator[Batch]:
        begun, waited, images = time.perf_counter(), 0.0, 0
        source = super().epoch(number, kept, done=done)
        try:
            while True:
                asked = time.perf_counter()
                batch = next(source, None)
                waited += time.perf_counter() - asked
                if batch is None:
                    return
                images += len(batch.labels)
                yield batch
        finally:
            seconds = time.perf_counter() - begun
            self.timed.append({"waited": waited, "seconds": seconds, "images": images})


# The figures.


def summarise(measurements: list[Facts]) -> Facts:
    """Return medians and ranges: ``speeds``, ``ratios`` within rounds, and ``waiting``."""
    done = [each for each in measurements if "error" not in each]
    speeds: Facts = {"dataloader": {}, "convwise": {}}
    ratios: Facts = {}
    for what in ("first_pass", "first_epoch", "later_epoch"):
        by_round = {
            name: {each["round"]: each[what] for each in done if each["what"] == name}
            for name in speeds
        }
        for name, found in by_round.items():
            if found:
                speeds[name][what] = spread(list(found.values())) | {"n": len(found)}
        found = paired_ratios(by_round["convwise"], by_round["dataloader"])
        if found:
            ratios[what] = spread(found) | {"n": len(found)}
    shares = [each["waiting"] for each in done if each["what"] == "waiting"]
    waiting = spread(shares) | {"n": len(shares)} if shares else {}
    return {"speeds": speeds, "ratios": ratios, "waiting": waiting}


def reached(facts: Facts) -> dict[str, bool]:
    """Tell of each goal that was measured whether its median is reached."""
    found = {
        what: facts["ratios"][what]["median"] >= GOALS[what]
        for what in ("first_pass", "later_epoch")
        if what in facts["ratios"]
    }
    if facts["waiting"]:
        found["waiting"] = facts["waiting"]["median"] <= GOALS["waiting"]
    return found


def to_markdown(facts: Facts) -> str:
    """Return the table that people read."""
    task, machine, goals = facts["task"], facts["machine"], reached(facts)
    lines = [
        f"{task['images']:,} JPEGs of {WIDTH}×{HEIGHT}, {task['mean_bytes'] / 1e3:.0f} kB each, to"
        f" {SIDE}×{SIDE}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB;"
        f" {facts['date']}. Medians (smallest–largest)." + (" A trial." if facts["quick"] else ""),
        "",
        f"| images/s | DataLoader, {LOADERS} workers | convwise | times | goal | n |",
        "|:--|--:|--:|--:|:--|--:|",
    ]
    for what, words in (
        ("first_pass", "first pass"),
        ("first_epoch", "first pass and first batches"),
        ("later_epoch", "later epochs"),
    ):
        speeds = [_figure(facts["speeds"][who].get(what)) for who in ("dataloader", "convwise")]
        ratio = facts["ratios"].get(what)
        goal = f"≥ {GOALS[what]:g}: {_word(goals.get(what))}" if what in GOALS else ""
        count = ratio["n"] if ratio else 0
        lines.append(
            f"| {words} | {' | '.join(speeds)} | {_figure(ratio, ',.1f')} | {goal} | {count} |"
        )
    lines += [
        "",
        f"`fast` waits for data: {_figure(facts['waiting'], '.2%')} of an epoch"
        f" (goal ≤ {GOALS['waiting']:.0%}: {_word(goals.get('waiting'))};"
        f" {task['waiting_images']:,} images, n = {facts['waiting'].get('n', 0)}).",
    ]
    return "\n".join(lines)


def _word(met: bool | None) -> str:
    return {None: "not measured", True: "met", False: "missed"}[met]


def _figure(values: Facts | None, form: str = ",.0f") -> str:
    if not values:
        return "–"
    low, middle, high = (format(values[each], form) for each in ("min", "median", "max"))
    return f"{middle} ({low}–{high})"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# The run.


def measure_all(asked: argparse.Namespace) -> Facts:
    folder = pictures(asked.folder, asked.images)
    cache = asked.folder / f"pixels.{os.getpid()}"
    facts = _facts(asked, warm(folder) / asked.images)
    facts["measurements"] = []
    try:
        for number in range(asked.repeats):
            order = ["dataloader", "convwise"][:: -1 if number % 2 else 1]
            # Last, as it takes the pixels that convwise has kept in this round.
            for what in [*order, "waiting"]:
                warm(folder)
                found = run_worker(
                    _command(asked, what, folder, cache),
                    worker_environment(
                        usable_cores(), python_path=os.pathsep.join(filter(None, sys.path))
                    ),
                    LONGEST_SECONDS,
                )
                _tell(f"round {number + 1}, {what}: {json.dumps(found)}")
                facts["measurements"].append({"round": number, "what": what} | found)
            facts |= summarise(facts["measurements"])
            facts["reached"] = reached(facts)
            facts["complete"] = number == asked.repeats - 1
            write_json(asked.json, facts)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    return facts


def _command(asked: argparse.Namespace, what: str, folder: Path, cache: Path) -> list[str]:
    command = [sys.executable, str(HERE / "input_pipeline.py"), "--measure", what]
    command += ["--pictures", str(folder), "--cache", str(cache)]
    return [*command, "--waiting-images", str(asked.waiting_images)]


def _facts(asked: argparse.Namespace, mean_bytes: float) -> Facts:
    quick = asked.images < IMAGES or asked.repeats < REPEATS
    return {
        "benchmark": "input_pipeline",
        "complete": False,
        "quick": quick,
        "command": "python benchmarks/input_pipeline.py"
        f" --images {asked.images} --repeats {asked.repeats}"
        f" --waiting-images {asked.waiting_images}",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts() | {"load_average_before": round(os.getloadavg()[0], 2)},
        "versions": package_versions(),
        "goals": GOALS,
        "task": {
            "images": asked.images,
            "mean_bytes": round(mean_bytes),
            "stored": [HEIGHT, WIDTH, 3],
            "wanted": [SIDE, SIDE, 3],
            "resize": "stretch",
            "batch": BATCH,
            "loader_workers": LOADERS,
            "waiting_images": asked.waiting_images,
            "repeats": asked.repeats,
        },
    }


def main() -> int:
    asked = _read_arguments()
    if asked.measure:
        measures: dict[str, Callable[[Path, Path], Facts]] = {
            "dataloader": measure_dataloader,
            "convwise": measure_convwise,
            "waiting": partial(measure_waiting, images=asked.waiting_images),
        }
        print(json.dumps(measures[asked.measure](asked.pictures, asked.cache)), flush=True)
        return 0
    facts = measure_all(asked)
    print(to_markdown(facts))
    return 1 if any("error" in each for each in facts["measurements"]) else 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=IMAGES, help="JPEGs")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often all is measured")
    parser.add_argument("--waiting-images", type=int, default=2_000, help="that `fast` trains on")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="for the pictures")
    parser.add_argument("--json", type=Path, help="results; a trial has a file of its own")
    for name, kind in (("--measure", str), ("--pictures", Path), ("--cache", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.images < 100 or asked.repeats < 1 or asked.waiting_images < 2:
        parser.error("give --images 100, --repeats 1 and --waiting-images 2 at least")
    asked.folder = asked.folder.expanduser().absolute()
    if asked.json is None:
        quick = asked.images < IMAGES or asked.repeats < REPEATS
        asked.json = HERE / "results" / f"input_pipeline{'.quick' * quick}.json"
    return asked


if __name__ == "__main__":
    sys.exit(main())
