from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convwise.data import pool
from convwise.data.pool import decode_files
from convwise.image import ImageFormat


def test_order_is_kept_and_failures_are_closed_up(make_folder: Callable[..., Path]) -> None:
    root = make_folder({"a": 70})
    paths = sorted((root / "a").iterdir())
    everything, _ = decode_files(paths, ImageFormat(8, 8, 1))
    for place in (0, 33, 69):
        paths[place].write_bytes(b"")
    pixels, reasons = decode_files(paths, ImageFormat(8, 8, 1))
    assert reasons == dict.fromkeys((0, 33, 69), "the file is empty")
    assert np.array_equal(pixels, np.delete(everything, [0, 33, 69], axis=0))


def test_progress_reaches_the_end(make_folder: Callable[..., Path]) -> None:
    paths = sorted((make_folder({"a": 40}) / "a").iterdir())
    seen: list[tuple[int, int]] = []
    decode_files(paths, ImageFormat(8, 8, 1), lambda done, total: seen.append((done, total)))
    assert seen == [(16, 40), (32, 40), (40, 40)]


def test_no_files_give_no_pixels() -> None:
    pixels, reasons = decode_files([], ImageFormat(8, 8, 1))
    assert (pixels.shape, reasons) == ((0, 8, 8, 1), {})


def test_an_error_of_our_own_is_not_swallowed(
    make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, image_format: ImageFormat) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(pool, "decode_image", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        decode_files([make_folder({"a": 1}) / "a/000.png"], ImageFormat(8, 8, 1))
