"""PixelCache: the same pixels as without it, anew whenever something changed."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data import load_data
from convwise.data.dataset import Decoded
from convwise.data.pixel_cache import PixelCache


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of eight random pictures, and one that is damaged."""
    folder = tmp_path / "pictures"
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "cat" / "broken.png").write_bytes((folder / "cat" / "0.png").read_bytes()[:300])
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, said: list[str]) -> PixelCache:
    return PixelCache(tmp_path / "cache", said.append, smallest=1)


def entries(cache: PixelCache) -> list[Path]:
    return sorted(cache.folder.iterdir()) if cache.folder.exists() else []


def decoded(source: Path, cache: PixelCache | None, **options: int) -> Decoded:
    return load_data(source, image_size=16).decode(cache=cache, **options)


def assert_same(found: Decoded, expected: Decoded) -> None:
    assert found.fingerprint == expected.fingerprint
    assert found.skipped == expected.skipped
    for split, store in expected.stores.items():
        np.testing.assert_array_equal(found.stores[split].pixels, store.pixels)
        assert found.stores[split].ids == store.ids
        traits, theirs = found.traits[split], expected.traits[split]
        np.testing.assert_array_equal(traits.widths, theirs.widths)
        np.testing.assert_array_equal(traits.heights, theirs.heights)
        np.testing.assert_array_equal(traits.kinds, theirs.kinds)


def test_first_and_later_reading_equal_the_one_without_a_cache(
    pictures: Path, cache: PixelCache, said: list[str]
) -> None:
    plain = decoded(pictures, None)
    assert [skipped.path for skipped in plain.skipped] == ["cat/broken.png"]
    assert_same(decoded(pictures, cache), plain)
    assert len(entries(cache)) == 1
    assert_same(decoded(pictures, cache), plain)
    assert ["kept in" in said[0], "taken from" in said[1]] == [True, True]


def test_a_later_reading_opens_no_picture(
    pictures: Path, cache: PixelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded(pictures, cache)
    dataset = load_data(pictures, image_size=16)
    monkeypatch.setattr("convwise.data.files.Folder.read", lambda *_: pytest.fail("was read"))
    assert len(dataset.decode(cache=cache).stores["train"])


def test_pixels_are_mapped_and_cannot_be_written(pictures: Path, cache: PixelCache) -> None:
    decoded(pictures, cache)
    images = decoded(pictures, cache).stores["train"].images
    assert type(images) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


@pytest.mark.parametrize("change", ["edited", "added", "removed", "renamed", "same-size-and-time"])
def test_a_change_of_the_files_gives_another_entry(
    pictures: Path, cache: PixelCache, change: str
) -> None:
    decoded(pictures, cache)
    file = pictures / "dog" / "3.png"
    if change == "edited":
        Image.new("RGB", (9, 9), "red").save(file)
    elif change == "added":
        shutil.copy(file, pictures / "dog" / "new.png")
    elif change == "removed":
        file.unlink()
    elif change == "renamed":
        file.rename(pictures / "dog" / "other.png")
    else:
        before = file.stat()
        content = bytearray(file.read_bytes())
        content[-20] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert_same(decoded(pictures, cache), decoded(pictures, None))
    assert len(entries(cache)) == 2


def test_format_and_pixel_cap_give_entries_of_their_own(pictures: Path, cache: PixelCache) -> None:
    decoded(pictures, cache)
    load_data(pictures, image_size=20).decode(cache=cache)
    load_data(pictures, image_size=16, resize="crop").decode(cache=cache)
    capped = decoded(pictures, cache, max_pixels=10)
    assert len(entries(cache)) == 4
    assert all("more than the 10" in skipped.reason for skipped in capped.skipped)


def test_the_splits_share_one_entry_whatever_their_seed(pictures: Path, cache: PixelCache) -> None:
    decoded(pictures, cache)
    load_data(pictures, image_size=16, seed=5).decode(cache=cache)
    assert len(entries(cache)) == 1


@pytest.mark.parametrize("file", ["pixels.u8", "facts.npz", "entry.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "missing"])
def test_a_damaged_entry_is_told_and_made_anew(
    pictures: Path, cache: PixelCache, said: list[str], file: str, damage: str
) -> None:
    plain = decoded(pictures, None)
    decoded(pictures, cache)
    path = entries(cache)[0] / file
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "flipped":
        # Of the pixels a picture that is sound; of the text a place that carries meaning.
        content[{"pixels.u8": 1_000, "facts.npz": 200, "entry.json": 2}[file]] ^= 255
        path.write_bytes(content)
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    said.clear()
    assert_same(decoded(pictures, cache), plain)
    assert "damaged" in said[0]
    said.clear()
    assert_same(decoded(pictures, cache), plain)
    assert "taken from" in said[0]


def test_an_interrupted_reading_leaves_nothing(
    pictures: Path, cache: PixelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_data(pictures, image_size=16).decode(interrupted, cache=cache)
    assert entries(cache) == []


def test_a_full_disk_is_told_and_the_pixels_stay_in_memory(
    pictures: Path, cache: PixelCache, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convwise.data.pixel_cache._reserve", full)
    assert_same(decoded(pictures, cache), decoded(pictures, None))
    assert said == [f"decoded images cannot be kept in {cache.folder}: no space left on device"]
    assert entries(cache) == []


def test_a_cache_that_cannot_be_a_folder_is_told(
    pictures: Path, cache: PixelCache, said: list[str]
) -> None:
    cache.folder.write_text("in the way")
    assert_same(decoded(pictures, cache), decoded(pictures, None))
    assert len(said) == 1
    assert "cannot be kept" in said[0]


def test_too_little_data_is_not_kept(pictures: Path, tmp_path: Path) -> None:
    cache = PixelCache(tmp_path / "cache")
    decoded(pictures, cache)
    assert entries(cache) == []


def test_an_archive_is_kept_by_its_own_state(
    pictures: Path, cache: PixelCache, tmp_path: Path
) -> None:
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(pictures.rglob("*.png")):
            archive.write(file, file.relative_to(pictures))
    plain = decoded(path, None)
    assert_same(decoded(path, cache), plain)
    assert_same(decoded(path, cache), plain)
    assert len(entries(cache)) == 1
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(pictures / "cat" / "0.png", "dog/more.png")
    decoded(path, cache)
    assert len(entries(cache)) == 2


def test_entries_beyond_the_limit_go_the_oldest_first(
    pictures: Path, tmp_path: Path, said: list[str]
) -> None:
    cache = PixelCache(tmp_path / "cache", said.append, smallest=1, largest_total=30_000)
    for side, age in ((16, 300), (17, 200), (18, 100)):
        known = set(entries(cache))
        load_data(pictures, image_size=side).decode(cache=cache)
        (new,) = set(entries(cache)) - known
        os.utime(new / "entry.json", (time.time() - age, time.time() - age))
    shapes = [json.loads((entry / "entry.json").read_text())["shape"] for entry in entries(cache)]
    # 17 pictures of 18×18×3 are 16,524 bytes, those of 17×17×3 14,739: more than fits with it.
    assert [shape[1] for shape in shapes] == [18]
    assert sum("removed" in line for line in said) == 2


def test_abandoned_halves_are_removed_after_a_day(pictures: Path, cache: PixelCache) -> None:
    for name, age in ((".old", 90_000), (".young", 10)):
        (cache.folder / name).mkdir(parents=True)
        (cache.folder / name / "pixels.u8").write_bytes(b"half")
        then = time.time() - age
        os.utime(cache.folder / name / "pixels.u8", (then, then))
    decoded(pictures, cache)
    assert [path.name for path in entries(cache) if path.name.startswith(".")] == [".young"]


def _in_a_process(pictures: Path, folder: Path) -> str:
    return decoded(pictures, PixelCache(folder, smallest=1)).fingerprint


def test_processes_that_start_together_all_get_the_pixels(
    pictures: Path, cache: PixelCache
) -> None:
    expected = decoded(pictures, None).fingerprint
    # Unlike a multiprocessing.Pool, it gives up if its processes cannot start.
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(_in_a_process, [pictures] * 6, [cache.folder] * 6))
    assert found == [expected] * 6
    assert [path.name[0] == "." for path in entries(cache)] == [False]
