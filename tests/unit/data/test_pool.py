from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convwise.data import pool
from convwise.data.dataset import Progress, Reading
from convwise.data.files import Folder
from convwise.data.pool import decode_all
from convwise.data.store import pixel_digest
from convwise.image import ImageFormat


def decode(root: Path, names: list[str], on_progress: Progress | None = None) -> Reading:
    images = np.empty((len(names), 8, 8, 1), np.uint8)
    readers = Folder(root).readers(names)
    return decode_all(readers, images, ImageFormat(8, 8, 1), on_progress=on_progress)


def test_order_is_kept_and_failures_have_reasons(make_folder: Callable[..., Path]) -> None:
    root = make_folder({"a": 70})
    names = [f"a/{number:03d}.png" for number in range(70)]
    everything = decode(root, names)
    for place in (0, 33, 69):
        (root / names[place]).write_bytes(b"")
    reading = decode(root, names)
    assert reading.reasons == dict.fromkeys((0, 33, 69), "the file is empty")
    good = np.delete(np.arange(70), [0, 33, 69])
    assert np.array_equal(reading.images[good], everything.images[good])
    assert not reading.images[[0, 33, 69]].any()


def test_digests_and_sizes_belong_to_their_pictures(make_folder: Callable[..., Path]) -> None:
    reading = decode(make_folder({"a": 3}), ["a/002.png", "a/000.png"])
    for picture, digest in zip(reading.images, reading.digests, strict=True):
        assert digest.tobytes() == pixel_digest(picture)
    assert reading.traits.widths.tolist() == [8, 8]


def test_readers_may_come_in_any_order(make_folder: Callable[..., Path]) -> None:
    root = make_folder({"a": 40})
    names = [f"a/{number:03d}.png" for number in range(40)]
    backwards = reversed(list(Folder(root).readers(names)))
    images = np.empty((40, 8, 8, 1), np.uint8)
    reading = decode_all(backwards, images, ImageFormat(8, 8, 1))
    assert np.array_equal(reading.images, decode(root, names).images)


def test_progress_reaches_the_end(make_folder: Callable[..., Path]) -> None:
    root = make_folder({"a": 40})
    seen: list[tuple[int, int]] = []
    names = [f"a/{number:03d}.png" for number in range(40)]
    decode(root, names, lambda done, total: seen.append((done, total)))
    assert seen == [(16, 40), (32, 40), (40, 40)]


def test_no_files_give_no_pixels(tmp_path: Path) -> None:
    reading = decode(tmp_path, [])
    assert (reading.images.shape, reading.reasons) == ((0, 8, 8, 1), {})


def test_a_file_that_is_gone_has_a_reason(tmp_path: Path) -> None:
    reading = decode(tmp_path, ["gone.png"])
    assert reading.reasons == {0: "cannot be read: No such file or directory"}


def test_an_error_of_our_own_is_not_swallowed(
    make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(pool, "decode_picture", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        decode(make_folder({"a": 1}), ["a/000.png"])
