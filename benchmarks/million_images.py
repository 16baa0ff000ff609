"""Does memory grow with the data set? A million pictures, and a tenth of them beside it.

    python benchmarks/million_images.py

The script makes tar archives of grey PNGs of 32×32, all different, in ten class folders, and keeps
them. Each measurement is a process of its own:

- ``decode``: lists the archive and decodes it into an empty pixel cache;
- ``later``: lists it, opens the cache (which checks each picture) and takes an epoch of training
  batches, as the next run does.

Memory comes in two kinds. ``anonymous`` is what Python, numpy and torch hold, which nothing but
the end of the process frees. ``mapped`` are pages of files, mostly of the cache, which the system
takes back as it needs them. ``peak`` is the most of both together. Stages tell the anonymous memory
before the work (``start``) and after each part of it. What each further picture costs comes from
the difference between the two sizes, so that libraries and buffers of fixed size fall out.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import io
import json
import os
import shutil
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import run_worker, spread, worker_environment, write_json
from numpy.typing import NDArray
from peers import default_folder
from PIL import Image

HERE = Path(__file__).resolve().parent
IMAGES, SMALLER = 1_000_000, 10
SIDE, CLASSES, BATCH = 32, 10, 128
BLOCK = 10_000
LONGEST_SECONDS = 4 * 3600.0
SAMPLED_EVERY_SECONDS = 0.05

Facts = dict[str, Any]


# The pictures.


def archive(folder: Path, count: int) -> Path:
    """Return a tar archive of so many pictures, made if it is not there, whole or not at all."""
    made = folder / f"grey-{count}.tar"
    if not made.is_file():
        _tell(f"making {count:,} pictures, which are kept in {made}")
        folder.mkdir(parents=True, exist_ok=True)
        aside = made.with_name(f".{made.name}.{os.getpid()}")
        try:
            with tarfile.open(aside, "w") as tar:
                for start in range(0, count, BLOCK):
                    for number, picture in enumerate(_pictures(start, count), start):
                        content = _png(picture)
                        name = f"grey/class_{number % CLASSES}/{number:07d}.png"
                        member = tarfile.TarInfo(name)
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))
                    # It would keep all of them.
                    tar.members.clear()
            aside.rename(made)
        finally:
            aside.unlink(missing_ok=True)
    return made


def _pictures(start: int, count: int) -> NDArray[np.uint8]:
    """Return the pictures of a block: 8×8 random levels, each four pixels wide and high."""
    random = np.random.default_rng(start)
    cells = random.integers(0, 256, (min(BLOCK, count - start), 8, 8), np.uint8)
    return cells.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)


def _png(picture: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


# What a worker does.


class Memory:
    """Watches this process; Linux tells the kinds of memory apart, elsewhere there are no figures.

    Args:
        every: seconds between two looks.
    """

    def __init__(self, every: float = SAMPLED_EVERY_SECONDS) -> None:
        self.most = {"anonymous_mb": 0.0, "mapped_mb": 0.0}
        self.stages: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(every,), daemon=True)
        self._thread.start()

    def stage(self, name: str) -> None:
        """Note the anonymous memory at the end of a part of the work."""
        gc.collect()
        self.stages[name] = self._look()

    def facts(self) -> Facts:
        """Stop watching and return what was seen, in MB."""
        self._over.set()
        self._thread.join()
        self._look()
        seen = {f"peak_{name}": round(value, 1) for name, value in self.most.items()}
        stages = {name: round(value, 1) for name, value in self.stages.items()}
        return seen | {"peak_mb": round(_status().get("VmHWM", 0.0), 1), "stages": stages}

    def _watch(self, every: float) -> None:
        while not self._over.wait(every):
            self._look()

    def _look(self) -> float:
        now = _status()
        anonymous = now.get("RssAnon", 0.0)
        mapped = now.get("RssFile", 0.0) + now.get("RssShmem", 0.0)
        self.most["anonymous_mb"] = max(self.most["anonymous_mb"], anonymous)
        self.most["mapped_mb"] = max(self.most["mapped_mb"], mapped)
        return anonymous


def _status() -> dict[str, float]:
    """Return what the system says of this process, in MB; empty where it does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.startswith(("Rss", "VmHWM")))
    return {name.rstrip(":"): int(kib) * 1024 / 1e6 for name, kib, _ in fields}


def work(what: str, tar: Path, cache_folder: Path) -> Facts:
    """List and decode, or list, open and take an epoch; return seconds, speeds and memory."""
    # Here, so that the process that starts the workers stays small.
    from convwise.data import load_data
    from convwise.data.pixel_cache import PixelCache
    from convwise.training.make_loop import training_batches
    from convwise.training.recipe import Recipe

    cache = PixelCache(cache_folder, notice=_tell, smallest=0)
    memory = Memory()
    memory.stage("start")
    start = time.perf_counter()
    dataset = load_data(tar, image_size=SIDE, channels=1)
    count = len(dataset.samples)
    listed = time.perf_counter()
    memory.stage("listed")
    begun = time.perf_counter()
    decoded = dataset.decode(cache=cache)
    seconds = time.perf_counter() - begun
    memory.stage("decoded")
    if decoded.skipped:
        raise RuntimeError(f"{len(decoded.skipped)} pictures were skipped: {decoded.skipped[0]}")
    facts: Facts = {"images": count, "listing_seconds": listed - start, "seconds": seconds}
    facts["images_per_second"] = count / seconds
    if what == "later":
        recipe = Recipe(batch_size=BATCH, shift=1)
        batches = training_batches(decoded.stores["train"], dataset.format, recipe, seed=0)
        begun = time.perf_counter()
        images = sum(len(batch.labels) for batch in batches.epoch(1))
        facts["epoch_images_per_second"] = images / (time.perf_counter() - begun)
        memory.stage("epoch")
    files = [path for path in cache_folder.rglob("*") if path.is_file()]
    facts["cache_mb"] = round(sum(path.stat().st_size for path in files) / 1e6, 1)
    return facts | memory.facts()


# The figures.


def summarise(measurements: list[Facts]) -> list[Facts]:
    """Return a row for each kind of work and size, with what a further picture costs.

    ``bytes_per_image`` compares the largest size with the smallest: of the most anonymous memory
    (``peak``), and of each stage beyond the one before it.
    """
    done = [each for each in measurements if "error" not in each]
    rows = []
    for what in ("decode", "later"):
        sizes = sorted({each["images"] for each in done if each["what"] == what})
        for images in sizes:
            found = [each for each in done if (each["what"], each["images"]) == (what, images)]
            row: Facts = {"what": what, "images": images, "n": len(found)}
            for name in _FIGURES:
                values = [each[name] for each in found if name in each]
                row |= {name: spread(values)} if values else {}
            stages = found[0]["stages"]
            row["stages"] = {
                name: spread([each["stages"][name] for each in found])["median"] for name in stages
            }
            rows.append(row)
            if len(sizes) > 1 and images == sizes[-1]:
                smallest = next(each for each in rows if each["what"] == what)
                row["bytes_per_image"] = _further(smallest, row)
    return rows


_FIGURES = (
    *("listing_seconds", "seconds", "images_per_second", "epoch_images_per_second", "cache_mb"),
    *("peak_mb", "peak_anonymous_mb", "peak_mapped_mb", "other_cores_busy"),
)


def _further(small: Facts, large: Facts) -> dict[str, float]:
    more = (large["images"] - small["images"]) / 1e6
    costs = {
        "peak": (large["peak_anonymous_mb"]["median"] - small["peak_anonymous_mb"]["median"]) / more
    }
    grown = {name: large["stages"][name] - small["stages"][name] for name in large["stages"]}
    before = grown["start"]
    for name in list(grown)[1:]:
        costs[name] = (grown[name] - before) / more
        before = grown[name]
    return {name: round(value) for name, value in costs.items()}


def to_markdown(facts: Facts) -> str:
    """Return the tables that people read."""
    machine = facts["machine"]
    lines = [
        f"Grey PNGs of {SIDE}×{SIDE} in a tar archive; {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['memory_gb']} GB; {facts['date']}. Medians."
        + (" A trial." if facts["quick"] else ""),
        "",
        "| process | images | listing, s | decoding or opening, s | images/s | epoch, images/s"
        " | cache, MB | peak, MB | of it anonymous | mapped | n |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    forms = {"listing_seconds": ",.1f", "seconds": ",.1f"}
    for row in facts["results"]:
        figures = [
            format(row[name]["median"], forms.get(name, ",.0f")) if name in row else "–"
            for name in _FIGURES[:-1]
        ]
        lines.append(f"| {row['what']} | {row['images']:,} | {' | '.join(figures)} | {row['n']} |")
    lines.append("")
    for row in facts["results"]:
        if "bytes_per_image" in row:
            costs = dict(row["bytes_per_image"])
            peak = costs.pop("peak")
            parts = ", ".join(f"{name} {value:+,}" for name, value in costs.items())
            lines.append(
                f"- {row['what']}: each further image costs {peak:,} bytes of anonymous memory at"
                f" the peak; by the end of each part: {parts}."
            )
    return "\n".join(lines)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# The run.


def measure_all(asked: argparse.Namespace) -> Facts:
    facts = _facts(asked)
    facts["measurements"] = []
    for number in range(asked.repeats):
        for count in (asked.images // SMALLER, asked.images):
            tar = archive(asked.folder, count)
            cache = asked.folder / f"pixels.{os.getpid()}"
            try:
                for what in ("decode", "later"):
                    os.sync()
                    found = _measure(what, tar, cache)
                    _tell(f"round {number + 1}, {what}, {count:,} images: {json.dumps(found)}")
                    row = {"round": number, "what": what, "images": count} | found
                    facts["measurements"].append(row)
            finally:
                shutil.rmtree(cache, ignore_errors=True)
        facts["results"] = summarise(facts["measurements"])
        facts["complete"] = number == asked.repeats - 1
        write_json(asked.json, facts)
    return facts


def _measure(what: str, tar: Path, cache: Path) -> Facts:
    from convwise.data.cores import usable_cores

    command = [sys.executable, str(HERE / "million_images.py"), "--measure", what]
    command += ["--archive", str(tar), "--cache", str(cache)]
    ours = os.pathsep.join(filter(None, sys.path))
    return run_worker(
        command, worker_environment(usable_cores(), python_path=ours), LONGEST_SECONDS
    )


def _facts(asked: argparse.Namespace) -> Facts:
    from convwise.training.machine import machine_facts, package_versions

    return {
        "benchmark": "million_images",
        "complete": False,
        "quick": asked.images < IMAGES,
        "command": "python benchmarks/million_images.py"
        f" --images {asked.images} --repeats {asked.repeats}",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine_facts() | {"load_average_before": round(os.getloadavg()[0], 2)},
        "versions": package_versions(),
        "task": {"images": [asked.images // SMALLER, asked.images], "pixels": [SIDE, SIDE, 1]},
    }


def main() -> int:
    asked = _read_arguments()
    if asked.measure:
        print(json.dumps(work(asked.measure, asked.archive, asked.cache)), flush=True)
        return 0
    facts = measure_all(asked)
    print(to_markdown(facts))
    return 1 if any("error" in each for each in facts["measurements"]) else 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=IMAGES, help="and a tenth of them beside")
    parser.add_argument("--repeats", type=int, default=1, help="how often all is measured")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="for the archives")
    parser.add_argument("--json", type=Path, help="results; a trial has a file of its own")
    for name, kind in (("--measure", str), ("--archive", Path), ("--cache", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.images < 1_000 or asked.repeats < 1:
        parser.error("give --images 1000 and --repeats 1 at least")
    asked.folder = asked.folder.expanduser().absolute()
    if asked.json is None:
        quick = asked.images < IMAGES
        asked.json = HERE / "results" / f"million_images{'.quick' * quick}.json"
    return asked


if __name__ == "__main__":
    sys.exit(main())
