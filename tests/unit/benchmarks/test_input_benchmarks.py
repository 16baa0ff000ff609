"""The data benchmarks: their pictures, their arithmetic and their tables."""

import mmap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data import load_data
from convwise.data.pixel_cache import PixelCache
from convwise.data.store import PixelStore
from convwise.image import ImageFormat

STEP_SECONDS = 0.02


def speeds(what: str, number: int, first: float, later: float) -> dict:
    found = {"first_pass": first, "first_epoch": first / 2, "later_epoch": later}
    return {"what": what, "round": number} | found


def share(number: int, value: float) -> dict:
    return {"what": "waiting", "round": number, "waiting": value}


def memory(what: str, images: int, start: float, listed: float, decoded: float) -> dict:
    stages = {"start": start, "listed": listed, "decoded": decoded}
    return {"what": what, "images": images, "stages": stages, "peak_anonymous_mb": decoded + 1.0}


def test_the_made_jpegs_are_distinct_photographs_of_ten_classes(load, tmp_path: Path) -> None:
    pipeline = load("input_pipeline")
    made = pipeline.pictures(tmp_path, 20)
    files = sorted(made.rglob("*.jpg"))
    assert len(load_data(made).classes) == 10
    assert len({file.read_bytes() for file in files}) == len(files) == 20
    assert {Image.open(file).size for file in files} == {(500, 375)}
    assert all(20_000 < file.stat().st_size < 80_000 for file in files)
    before = [file.stat().st_mtime_ns for file in files]
    assert pipeline.pictures(tmp_path, 20) == made
    assert [file.stat().st_mtime_ns for file in files] == before
    assert list(tmp_path.iterdir()) == [made]


def test_peer_and_convwise_read_the_same_pictures(load, tmp_path: Path) -> None:
    pipeline = load("input_pipeline")
    made = pipeline.pictures(tmp_path, 20)
    peer = pipeline.ImageFolderHabit(made)
    dataset, decoded = pipeline._decoded(made, tmp_path / "cache")
    theirs = {Path(path).name: place for place, (path, _) in enumerate(peer.samples)}
    store = decoded.stores["train"]
    assert len(peer) == len(dataset.samples) == 20
    for pixels, name, label in zip(store.pixels, store.ids, store.labels, strict=True):
        values, peer_label = peer[theirs[Path(name).name]]
        assert peer_label == label
        # Reduced decoding differs from decoding and then reducing, but only in fine detail.
        difference = values.permute(1, 2, 0).numpy() * 255 - pixels
        assert np.abs(difference).mean() < 4
    assert any((tmp_path / "cache").iterdir())


def test_waiting_is_the_time_within_the_batches_alone(load) -> None:
    pixels = np.zeros((8, 4, 4, 1), np.uint8)
    store = PixelStore(pixels, np.arange(8), tuple("abcdefgh"))
    timed: list[dict] = []
    batches = load("input_pipeline").TimedBatches(timed, store, ImageFormat(4, 4, 1), 2)
    for _ in batches.epoch(1):
        time.sleep(STEP_SECONDS)
    assert timed[0]["images"] == 8
    assert timed[0]["seconds"] - timed[0]["waited"] >= 4 * STEP_SECONDS
    for _ in batches.epoch(2):
        break
    assert timed[1]["images"] == 2


def test_ratios_are_within_rounds_and_goals_are_about_medians(load) -> None:
    pipeline = load("input_pipeline")
    measurements = [
        *(speeds("dataloader", 0, 100.0, 100.0), speeds("convwise", 0, 300.0, 1_900.0)),
        *(speeds("dataloader", 1, 200.0, 100.0), speeds("convwise", 1, 400.0, 1_800.0)),
        *(share(0, 0.01), share(1, 0.04)),
        {"what": "convwise", "round": 2, "error": "ended with status 1"},
    ]
    found = pipeline.summarise(measurements)
    assert found["ratios"]["first_pass"] == {"min": 2.0, "median": 2.5, "max": 3.0, "n": 2}
    assert found["waiting"]["median"] == 0.025
    goals = {"first_pass": True, "later_epoch": False, "waiting": True}
    assert pipeline.reached(found) == goals


def test_the_table_says_what_was_not_measured(load) -> None:
    pipeline = load("input_pipeline")
    machine = {"cpu": "a processor", "cores": 2, "memory_gb": 8.0}
    task = {"images": 200, "mean_bytes": 40_000, "waiting_images": 20}
    facts = {"machine": machine, "task": task, "date": "today", "quick": True}
    table = pipeline.to_markdown(facts | pipeline.summarise([speeds("dataloader", 0, 50.0, 60.0)]))
    assert "| first pass | 50 (50–50) | – | – | ≥ 2: not measured | 0 |" in table
    assert "waits for data: – of an epoch (goal ≤ 3%: not measured" in table


def test_the_made_archive_holds_distinct_pictures_that_are_read(load, tmp_path: Path) -> None:
    million = load("million_images")
    tar = million.archive(tmp_path, 200)
    dataset = load_data(tar, image_size=32, channels=1)
    decoded = dataset.decode(cache=PixelCache(tmp_path / "cache"))
    digests = [digest.tobytes() for store in decoded.stores.values() for digest in store.digests]
    assert len(set(digests)) == len(digests) == 200
    assert len(dataset.classes) == 10
    assert not decoded.skipped


def test_what_a_further_image_costs_leaves_fixed_memory_out(load) -> None:
    found = load("million_images").summarise(
        [
            memory("decode", 1_000, start=50.0, listed=51.0, decoded=53.0),
            memory("decode", 11_000, start=50.0, listed=55.0, decoded=58.0),
        ]
    )
    assert "bytes_per_image" not in found[0]
    assert found[1]["bytes_per_image"] == {"peak": 500, "listed": 400, "decoded": 100}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells")
def test_memory_that_was_held_for_a_while_is_seen(load) -> None:
    memory = load("million_images").Memory(every=0.001)
    memory.stage("start")
    # New from the system: what malloc kept from an earlier test would not be seen to grow.
    with mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        for page in range(0, len(held), mmap.PAGESIZE):
            held[page] = 1
        memory.stage("held")
    facts = memory.facts()
    assert 60 < facts["stages"]["held"] - facts["stages"]["start"] < 80
    assert facts["peak_anonymous_mb"] >= facts["stages"]["held"]
