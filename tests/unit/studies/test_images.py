from __future__ import annotations

import numpy as np
import pytest

from convwise.studies.images.detail import with_stripes
from convwise.studies.images.noise import noisy
from convwise.studies.images.permute import permuted
from convwise.studies.images.place import at_border, on_canvas

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(1, 256, (40, 9, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -3), (-2, 1)])
def test_an_image_lies_whole_where_it_was_put(down: int, right: int) -> None:
    canvas = on_canvas(COLOUR, 3, down, right, fill=0)
    assert canvas.shape == (40, 15, 13, 3)
    inside = canvas[:, 3 + down : 12 + down, 3 + right : 10 + right]
    assert np.array_equal(inside, COLOUR)
    # All that is not the image is the canvas.
    assert int((canvas > 0).sum()) == COLOUR.size


def test_what_would_leave_the_canvas_is_refused() -> None:
    with pytest.raises(ValueError, match="leave a margin of 3"):
        on_canvas(COLOUR, 3, down=4)


def test_an_image_at_the_border_touches_exactly_one_edge_and_lies_whole() -> None:
    canvas = at_border(COLOUR, 4, seed=5)
    touched = (
        np.stack([canvas[:, 0], canvas[:, -1], canvas[:, :, 0], canvas[:, :, -1]][:2], axis=1)
        .reshape(40, 2, -1)
        .any(axis=2)
    )
    sides = np.stack([canvas[:, :, 0], canvas[:, :, -1]], axis=1).reshape(40, 2, -1).any(axis=2)
    assert (touched.sum(axis=1) + sides.sum(axis=1) == 1).all()
    assert {tuple(row) for row in np.concatenate([touched, sides], axis=1).tolist()} == {
        tuple(row) for row in np.eye(4, dtype=bool).tolist()
    }
    for before, after in zip(COLOUR, canvas, strict=True):
        rows, columns = (after > 0).any(axis=(1, 2)), (after > 0).any(axis=(0, 2))
        assert np.array_equal(after[np.ix_(rows, columns)], before)


def test_the_same_seed_puts_images_at_the_same_border() -> None:
    assert np.array_equal(at_border(COLOUR, 4, seed=5), at_border(COLOUR, 4, seed=5))
    assert not np.array_equal(at_border(COLOUR, 4, seed=5), at_border(COLOUR, 4, seed=6))


def test_a_permutation_moves_whole_pixels_alike_in_all_images() -> None:
    places = np.arange(63, dtype=np.uint8).reshape(1, 9, 7, 1)
    order = permuted(places).ravel()
    assert sorted(order.tolist()) == list(range(63))
    assert order.tolist() != list(range(63))
    wanted = COLOUR.reshape(40, 63, 3)[:, order].reshape(COLOUR.shape)
    assert np.array_equal(permuted(COLOUR), wanted)


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    grey = np.full((20, 50, 50, 1), 128, np.uint8)
    assert noisy(grey, 20.0).std() == pytest.approx(20.0, rel=0.02)
    assert noisy(grey, 20.0).mean() == pytest.approx(128.0, abs=0.5)
    assert np.array_equal(noisy(grey, 0.0), grey)
    assert np.array_equal(noisy(grey, 9.0, seed=1), noisy(grey, 9.0, seed=1))


def test_stripes_run_as_their_label_says_and_change_nothing_else() -> None:
    before = np.full((200, 12, 10, 1), 100, np.uint8)
    marked, labels = with_stripes(before, seed=3)
    assert (before == 100).all()
    assert set(labels.tolist()) == {0, 1}
    for image, upright in zip(marked[..., 0], labels, strict=True):
        rows, columns = np.nonzero(image != 100)
        patch = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert patch.shape == (6, 6)
        assert (patch == 255).sum() == (patch == 0).sum() == 18
        along = patch[0] if upright else patch[:, 0]
        across = patch[:, 0] if upright else patch[0]
        assert np.abs(np.diff(along.astype(int))).tolist() == [255] * 5
        assert len(set(across.tolist())) == 1


def test_both_ways_of_the_stripes_come_equally_often_and_everywhere() -> None:
    marked, labels = with_stripes(np.full((4_000, 8, 8, 1), 100, np.uint8), seed=0)
    assert labels.mean() == pytest.approx(0.5, abs=0.03)
    assert len({tuple(np.argwhere(image != 100)[0][:2]) for image in marked}) == 9
