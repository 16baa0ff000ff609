from __future__ import annotations

import numpy as np
import pytest
import torch

from convwise.data.augment.augmentation import Augmentation
from convwise.data.augment.mixing import Mixing
from convwise.data.batches import Batches, to_input
from convwise.data.store import PixelStore
from convwise.errors import DataError, OptionError
from convwise.image import ImageFormat

FORMAT = ImageFormat(4, 5, 3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0), pad_value=7)


def make(count: int) -> PixelStore:
    pixels = np.random.default_rng(1).integers(0, 256, (count, 4, 5, 3), dtype=np.uint8)
    return PixelStore(pixels, np.arange(count), tuple(map(str, range(count))))


def test_input_is_scaled_step_by_step_in_float32() -> None:
    pixels = make(6).pixels
    inputs = to_input(pixels, FORMAT)
    mean, std = (np.array(values, np.float32) for values in (FORMAT.mean, FORMAT.std))
    expected = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    assert np.array_equal(inputs.numpy(), expected.transpose(0, 3, 1, 2))
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_input_never_shares_memory_and_takes_read_only_arrays() -> None:
    pixels = make(2).pixels
    pixels.setflags(write=False)
    to_input(pixels[::-1], FORMAT).zero_()
    assert pixels.any()


@pytest.mark.parametrize("pixels", [np.zeros((1, 5, 4, 3), np.uint8), np.zeros((1, 4, 5, 3))])
def test_pixels_of_another_format_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"takes uint8 of shape \(n, 4, 5, 3\)"):
        to_input(pixels, FORMAT)


@pytest.mark.parametrize(("drop_last", "sizes"), [(True, [4, 4]), (False, [4, 4, 2])])
def test_an_epoch_holds_each_picture_at_most_once(drop_last: bool, sizes: list[int]) -> None:
    store = make(10)
    batches = Batches(store, FORMAT, 4, seed=3, drop_last=drop_last)
    found = list(batches.epoch(1))
    assert len(batches) == len(found)
    assert [len(batch.labels) for batch in found] == sizes
    labels = torch.cat([batch.labels for batch in found])
    assert labels.dtype == torch.int64
    assert len(set(labels.tolist())) == sum(sizes)
    inputs = torch.cat([batch.inputs for batch in found])
    assert torch.equal(inputs, to_input(store.pixels[labels.numpy()], FORMAT))


def test_order_depends_on_seed_and_epoch_only() -> None:
    store = make(50)

    def order(seed: int, epoch: int) -> list[int]:
        return Batches(store, FORMAT, 8, seed=seed).order(epoch).tolist()

    assert order(0, 1) == order(0, 1)
    assert sorted(order(0, 1)) == list(range(50))
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (1, 2, 3)}) == 6


def test_an_epoch_needs_no_earlier_epoch() -> None:
    batches = Batches(make(20), FORMAT, 8, augmentation=Augmentation(1))
    list(batches.epoch(1))
    second = [batch.inputs for batch in batches.epoch(2)]
    fresh = Batches(make(20), FORMAT, 8, augmentation=Augmentation(1))
    assert all(torch.equal(a, b.inputs) for a, b in zip(second, fresh.epoch(2), strict=True))


def test_augmentation_fills_with_the_formats_pad_value() -> None:
    store = make(16)
    batches = Batches(store, FORMAT, 16, augmentation=Augmentation(shift=4, flip=False))
    inputs, labels, *_ = next(batches.epoch(1))
    changed = Augmentation(4, False).apply(
        store.pixels[labels.numpy()], labels.numpy(), 0, 1, pad_value=7
    )
    assert torch.equal(inputs, to_input(changed, FORMAT))


def test_a_small_store_gives_one_batch_of_all() -> None:
    assert [len(batch.labels) for batch in Batches(make(3), FORMAT, 128).epoch(1)] == [3]


def test_impossible_batches_are_refused() -> None:
    with pytest.raises(OptionError, match="batch size 0"):
        Batches(make(3), FORMAT, 0)
    with pytest.raises(DataError, match="an empty split gives no batches"):
        Batches(make(0), FORMAT, 4)


def test_a_mixed_batch_has_the_labels_of_both_pictures() -> None:
    store = make(16)
    batch = next(Batches(store, FORMAT, 16, mixing=Mixing(mixup=1.0)).epoch(1))
    assert batch.partners is not None
    assert batch.shares is not None
    share = batch.shares[:, None, None, None].double()
    own = to_input(store.pixels[batch.positions], FORMAT).double()
    other = to_input(store.pixels[batch.partners.numpy()], FORMAT).double()
    # Levels are rounded to whole ones: half of one, by the smallest spread.
    assert (batch.inputs - (share * own + (1 - share) * other)).abs().max() < 0.52 / 255 / 0.25


def test_a_partner_is_changed_as_it_is_in_its_own_turn() -> None:
    store = make(16)
    everything = np.arange(16)
    changed = Batches(store, FORMAT, 16, augmentation=Augmentation(2)).pictures(everything, 3)
    mixed = Batches(
        store, FORMAT, 16, augmentation=Augmentation(2), mixing=Mixing(cutmix=1.0)
    ).pictures(everything, 3)
    own, other = changed.pixels, changed.pixels[mixed.partners]
    assert ((mixed.pixels == own) | (mixed.pixels == other)).all()
