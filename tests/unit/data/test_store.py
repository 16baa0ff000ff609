from __future__ import annotations

import numpy as np
import pytest

from convwise.data import store
from convwise.data.store import PixelStore
from convwise.errors import DataError


def make(pixels: np.ndarray) -> PixelStore:
    return PixelStore(pixels, np.zeros(len(pixels), np.int64), ("x",) * len(pixels))


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_those_of_all_pixels(monkeypatch: pytest.MonkeyPatch, channels: int) -> None:
    monkeypatch.setattr(store, "_BLOCK_VALUES", 500)
    pixels = np.random.default_rng(0).integers(0, 256, (37, 6, 5, channels), dtype=np.uint8)
    mean, std = make(pixels).channel_statistics()
    scaled = pixels.astype(np.float64) / 255
    assert mean == pytest.approx(scaled.mean(axis=(0, 1, 2)), rel=1e-12)
    assert std == pytest.approx(scaled.std(axis=(0, 1, 2)), rel=1e-10)


def test_a_constant_channel_can_still_be_divided_by() -> None:
    mean, std = make(np.full((2, 3, 3, 1), 51, np.uint8)).channel_statistics()
    assert mean == pytest.approx((0.2,))
    assert std == pytest.approx((1 / 255,))


def test_an_empty_store_has_no_statistics() -> None:
    with pytest.raises(DataError, match="an empty split has no mean"):
        make(np.zeros((0, 3, 3, 1), np.uint8)).channel_statistics()


@pytest.mark.parametrize(
    ("pixels", "labels", "ids", "message"),
    [
        (np.zeros((2, 3, 3, 1)), np.zeros(2, np.int64), ("a", "b"), "pixels are float64"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.int64), ("a", "b"), "shape"),
        (np.zeros((2, 3, 3, 1), np.uint8), np.zeros(2, np.int32), ("a", "b"), "labels are int32"),
        (np.zeros((2, 3, 3, 1), np.uint8), np.zeros(3, np.int64), ("a", "b"), "labels are"),
        (np.zeros((2, 3, 3, 1), np.uint8), np.zeros(2, np.int64), ("a",), "come with 1 ids"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(
    pixels: np.ndarray, labels: np.ndarray, ids: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        PixelStore(pixels, labels, ids)


def test_a_selection_copies_no_pixel_and_takes_its_rows() -> None:
    pixels = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    whole = PixelStore(pixels, np.arange(5), tuple("abcde"))
    chosen = whole.select(np.array([4, 2, 0])).select(np.array([2, 0]))
    assert chosen.images is pixels
    assert chosen.pixels.ravel().tolist() == [0, 4]
    assert (chosen.ids, chosen.labels.tolist()) == (("a", "e"), [0, 4])
    assert chosen.take(np.array([1])).ravel().tolist() == [4]


def test_digests_are_of_the_pixels_whether_computed_or_passed_on() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 3, 1), dtype=np.uint8)
    pixels[3] = pixels[0]
    whole = make(pixels)
    assert (whole.digests[0] == whole.digests[3]).all()
    assert (whole.digests[0] != whole.digests[1]).any()
    places = np.array([2, 3])
    assert np.array_equal(whole.select(places).digests, whole.digests[places])
