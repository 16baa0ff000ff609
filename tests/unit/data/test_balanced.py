from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convwise.data.augment.augmentation import Augmentation
from convwise.data.augment.mixing import Mixing
from convwise.data.balanced import balanced_turns
from convwise.data.batches import Batches
from convwise.data.store import PixelStore
from convwise.image import ImageFormat

FORMAT = ImageFormat(6, 6, 1)
LABELS = np.repeat([0, 1, 2], [32, 6, 2])


def store() -> PixelStore:
    pixels = np.random.default_rng(0).integers(0, 256, (len(LABELS), 6, 6, 1), dtype=np.uint8)
    return PixelStore(pixels, LABELS, tuple(map(str, range(len(LABELS)))))


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=6),
    st.integers(-5, 2**40),
    st.integers(1, 9),
)
def test_every_class_has_its_turn_equally_often(sizes: list[int], seed: int, epoch: int) -> None:
    labels = np.repeat(np.arange(len(sizes)) * 2, sizes)
    turns = balanced_turns(labels, seed, epoch)
    positions = turns % len(labels)
    assert len(turns) == len(labels)
    assert len(np.unique(turns)) == len(turns)
    counts = np.bincount(labels[positions])[::2]
    assert counts.max() - counts.min() <= 1
    for label in np.unique(labels):
        seen = np.bincount(positions[labels[positions] == label], minlength=len(labels))
        assert np.ptp(seen[labels == label]) <= 1


def test_turns_depend_on_seed_and_epoch_alone() -> None:
    first = balanced_turns(LABELS, 3, 1)
    assert (first == balanced_turns(LABELS, 3, 1)).all()
    assert (first != balanced_turns(LABELS, 3, 2)).any()
    assert (first != balanced_turns(LABELS, 4, 1)).any()


def test_over_the_epochs_every_picture_of_a_large_class_is_seen() -> None:
    seen = {int(turn) % 40 for epoch in range(1, 13) for turn in balanced_turns(LABELS, 0, epoch)}
    assert seen == set(range(40))


def test_balanced_batches_hold_the_labels_of_their_pictures() -> None:
    batches = Batches(store(), FORMAT, 8, balanced=True)
    labels = []
    for batch in batches.epoch(1):
        assert batch.positions.max() < 40
        assert (batch.labels.numpy() == LABELS[batch.positions]).all()
        assert batch.turns is not None
        labels += batch.labels.tolist()
    assert sorted(np.bincount(labels).tolist()) == [13, 13, 14]


def test_a_picture_that_comes_again_is_changed_anew() -> None:
    batches = Batches(store(), FORMAT, 40, augmentation=Augmentation(shift=2), balanced=True)
    (batch,) = batches.epoch(1)
    again = np.flatnonzero(batch.positions == 39)
    assert len(again) >= 6
    assert len(np.unique(batch.inputs[again].flatten(1), axis=0)) > 2
    assert len(np.unique(batch.keys[again])) == len(again)


def test_pictures_that_are_left_out_have_no_turn() -> None:
    batches = Batches(store(), FORMAT, 4, balanced=True)
    kept = np.ones(40, np.bool_)
    kept[[3, 38]] = False
    seen = [batch.positions for batch in batches.epoch(2, kept)]
    assert not {3, 38} & set(np.concatenate(seen).tolist())
    assert batches.steps_of(2, kept) == len(seen)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_number_of_steps_is_that_of_the_batches(balanced: bool) -> None:
    batches = Batches(store(), FORMAT, 7, balanced=balanced)
    kept = np.arange(40) % 3 > 0
    assert batches.steps_of(5, kept) == len(list(batches.epoch(5, kept)))


def test_partners_of_mixed_pictures_are_balanced_too() -> None:
    labels = np.repeat([0, 1], [900, 100])
    pictures = PixelStore(np.zeros((1000, 6, 6, 1), np.uint8), labels, tuple(map(str, range(1000))))
    (batch,) = Batches(pictures, FORMAT, 1000, mixing=Mixing(mixup=1.0), balanced=True).epoch(1)
    assert batch.partners is not None
    assert batch.labels.double().mean() == pytest.approx(0.5)
    # Four standard errors of 1,000 draws are 0.06.
    assert batch.partners.double().mean() == pytest.approx(0.5, abs=0.065)


def test_without_balance_nothing_changes() -> None:
    (batch,) = Batches(store(), FORMAT, 40).epoch(1)
    assert batch.turns is None
    assert (batch.keys == batch.positions).all()
    assert torch.equal(batch.labels, torch.from_numpy(LABELS[batch.positions]))
