"""From stored pixels to the tensors a network takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.profiler import record_function

from convwise.data.augment.augmentation import Augmentation
from convwise.data.augment.mixing import Mixed, Mixing
from convwise.data.balanced import balanced_turns
from convwise.data.draws import draws
from convwise.data.store import PixelStore
from convwise.errors import DataError, OptionError
from convwise.image import ImageFormat

# What a profiler shows the making of a batch as.
BATCH_RANGE = "convwise::batch"
# So many of float32 stay in the cores' caches from one step of the scaling to the next.
_VALUES_TOGETHER = 1 << 18


def to_input(pixels: NDArray[np.uint8], image_format: ImageFormat) -> torch.Tensor:
    """Scale pixels as the contract says: ``(pixel / 255 - mean) / std``, step by step in float32.

    What training computes on; prediction folds the same scaling into the first weights
    (``convwise.model.prediction``).

    Args:
        pixels: uint8, (n, height, width, channels) of ``image_format``.
        image_format: gives mean and std.

    Returns:
        float32 tensor of shape (n, channels, height, width) in channels_last memory order.

    Raises:
        DataError: the pixels are not uint8 of that shape.

    Example:
        >>> to_input(np.full((1, 2, 2, 1), 255, np.uint8), ImageFormat(2, 2, 1)).shape
        torch.Size([1, 1, 2, 2])
    """
    require_format(pixels, image_format)
    values = torch.empty(pixels.shape, dtype=torch.float32)
    # As large as a picture: torch is slow where it repeats an array of three numbers.
    mean, std = (
        torch.tensor(each, dtype=torch.float32).expand(pixels.shape[1:]).clone()
        for each in (image_format.mean, image_format.std)
    )
    together = max(1, _VALUES_TOGETHER // mean.numel())
    for start in range(0, len(pixels), together):
        part = values[start : start + together]
        # Through numpy, which reads arrays that are read-only or run backwards.
        part.numpy()[...] = pixels[start : start + together]
        part.div_(255.0).sub_(mean).div_(std)
    return values.permute(0, 3, 1, 2)


def require_format(pixels: NDArray[np.uint8], image_format: ImageFormat) -> None:
    """Check that pixels are of a format.

    Raises:
        DataError: they are not uint8, (n, height, width, channels) of ``image_format``.
    """
    if pixels.dtype != np.uint8 or pixels.shape[1:] != image_format.shape:
        raise DataError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; the image format "
            f"takes uint8 of shape (n, {', '.join(map(str, image_format.shape))})"
        )


def level_table(image_format: ImageFormat) -> NDArray[np.float32]:
    """Return what :func:`to_input` makes of each level, float32, (channels, 256).

    Example:
        >>> level_table(ImageFormat(2, 2, 3))[:, 255].tolist()
        [1.0, 1.0, 1.0]
    """
    pixel = dataclasses.replace(image_format, height=1, width=1)
    levels = np.arange(256, dtype=np.uint8)[:, None, None, None]
    scaled = to_input(np.broadcast_to(levels, (256, *pixel.shape)), pixel)
    return np.ascontiguousarray(scaled.numpy()[:, :, 0, 0].T)


class Placed(Protocol):
    """A quick way to gather, mirror, move and scale (``convwise.kernels.pictures``)."""

    def __call__(
        self,
        images: NDArray[np.uint8],
        rows: NDArray[np.int64],
        moves: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]],
        table: NDArray[np.float32],
        pad_value: int,
    ) -> torch.Tensor:
        """Do so; see there for the arguments."""


class Batch(NamedTuple):
    """Pictures that are trained on together.

    Args:
        inputs: what :func:`to_input` returns, (batch, channels, height, width).
        labels: int64, (batch,).
        positions: of the pictures in their store, int64, (batch,).
        partners: labels of the pictures that these were mixed with, int64, (batch,); or None.
        shares: how much of each label is the picture's own, float32, (batch,); or None.
        turns: what random changes of these pictures depend on, int64, (batch,), where a picture
            comes more than once in an epoch (:mod:`convwise.data.balanced`); else None.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    positions: NDArray[np.int64]
    partners: torch.Tensor | None = None
    shares: torch.Tensor | None = None
    turns: NDArray[np.int64] | None = None

    def to(self, device: str) -> Batch:
        """Return the batch with its tensors on a device; itself where they are there already."""
        inputs, labels = self.inputs.to(device), self.labels.to(device)
        if self.partners is None or self.shares is None:
            return self._replace(inputs=inputs, labels=labels)
        partners, shares = self.partners.to(device), self.shares.to(device)
        return self._replace(inputs=inputs, labels=labels, partners=partners, shares=shares)

    @property
    def keys(self) -> NDArray[np.int64]:
        """What random changes depend on, int64, (batch,)."""
        return self.positions if self.turns is None else self.turns


class Batches:
    """Shuffled training batches of a store, the same ones for the same seed and epoch.

    Args:
        store: the pictures.
        image_format: the contract, with mean and std filled in.
        batch_size: pictures per batch; a smaller store gives one batch of all its pictures.
        seed: with the epoch's number it decides order and augmentation.
        augmentation: random changes of each picture, or None.
        mixing: how pictures are mixed with others; None leaves each as it is.
        placed: does the work of batches that need no more than it can do, with the same bits.
        drop_last: leave out the incomplete batch at an epoch's end.
        part: takes from a batch's positions those that are trained on in this process.
        balanced: draw all classes equally often in an epoch, which stays as long as it is.

    Raises:
        OptionError: ``batch_size`` is below 1.
        DataError: the store is empty.

    Example:
        >>> store = PixelStore(np.zeros((5, 4, 4, 1), np.uint8), np.arange(5), tuple("abcde"))
        >>> [len(batch.labels) for batch in Batches(store, ImageFormat(4, 4, 1), 2).epoch(1)]
        [2, 2]
    """

    def __init__(
        self,
        store: PixelStore,
        image_format: ImageFormat,
        batch_size: int,
        seed: int = 0,
        augmentation: Augmentation | None = None,
        mixing: Mixing | None = None,
        placed: Placed | None = None,
        drop_last: bool = True,
        part: Callable[[NDArray[np.int64]], NDArray[np.int64]] = lambda positions: positions,
        balanced: bool = False,
    ) -> None:
        if batch_size < 1:
            raise OptionError(f"batch size {batch_size} is below 1")
        if not len(store):
            raise DataError("an empty split gives no batches; add pictures to it")
        self.store = store
        self.image_format = image_format
        self.batch_size = min(batch_size, len(store))
        self.seed = seed
        self.augmentation = augmentation
        self.mixing = mixing
        self.placed = placed
        self._table = level_table(image_format)
        self.drop_last = drop_last
        self._part = part
        self.balanced = balanced
        self._turns: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return self.steps(len(self.store))

    def steps(self, pictures: int) -> int:
        """Return how many batches so many of the pictures give; few give one small batch."""
        whole, rest = divmod(pictures, self.batch_size)
        return max(whole + bool(rest and not self.drop_last), 1)

    def steps_of(self, epoch: int, kept: NDArray[np.bool_]) -> int:
        """Return how many batches an epoch gives of the pictures that take part in it."""
        if not self.balanced:
            return self.steps(int(np.count_nonzero(kept)))
        return self.steps(int(np.count_nonzero(kept[self.order(epoch) % len(self.store)])))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the positions of all pictures in this epoch's order, (n,).

        Balanced, these are turns: see :func:`convwise.data.balanced.balanced_turns`.
        """
        if self.balanced:
            if self._turns is None or self._turns[0] != epoch:
                self._turns = epoch, balanced_turns(self.store.labels, self.seed, epoch)
            return self._turns[1]
        positions = np.arange(len(self.store), dtype=np.int64)
        return np.argsort(draws("shuffle", self.seed, epoch, counters=positions), kind="stable")

    def epoch(
        self, number: int, kept: NDArray[np.bool_] | None = None, *, done: int = 0
    ) -> Iterator[Batch]:
        """Yield the batches of one epoch.

        Args:
            number: of the epoch.
            kept: whether each picture takes part, (n,); None stands for all of them.
            done: leave out so many batches, which were trained on before.
        """
        order = self.order(number)
        if kept is not None:
            order = order[kept[order % len(self.store)]]
        for step in range(done, self.steps(len(order))):
            start = step * self.batch_size
            chosen = self._part(order[start : start + self.batch_size])
            with record_function(BATCH_RANGE):
                batch = self._batch(chosen, number)
            yield batch

    def pictures(self, chosen: NDArray[np.int64], epoch: int) -> Mixed:
        """Return the pictures at these positions, or turns, as they are trained on in an epoch."""
        pixels = self._changed(chosen, epoch)
        count = len(self.store)
        if not self.mixing:
            return Mixed(pixels, chosen % count, np.ones(len(chosen), np.float32))
        # Partners too are drawn from balanced turns, or mixing would undo the balance.
        pool = self.order(epoch) if self.balanced else np.arange(count, dtype=np.int64)
        mixed = self.mixing.apply(
            pixels,
            chosen,
            lambda places: self._changed(pool[places], epoch),
            count=count,
            seed=self.seed,
            epoch=epoch,
        )
        return mixed._replace(partners=pool[mixed.partners] % count)

    def _batch(self, chosen: NDArray[np.int64], epoch: int) -> Batch:
        positions = chosen % len(self.store)
        turns = chosen if self.balanced else None
        labels = torch.from_numpy(self.store.labels[positions])
        augmentation = self.augmentation or Augmentation(0, flip=False)
        if self.placed and augmentation.only_places and not self.mixing:
            moves = augmentation.choices(chosen, self.seed, epoch)
            rows = positions if self.store.rows is None else self.store.rows[positions]
            pad_value = self.image_format.pad_value
            inputs = self.placed(self.store.images, rows, moves, self._table, pad_value)
            return Batch(inputs, labels, positions, turns=turns)
        pictures = self.pictures(chosen, epoch)
        inputs = to_input(pictures.pixels, self.image_format)
        if not self.mixing:
            return Batch(inputs, labels, positions, turns=turns)
        partners = torch.from_numpy(self.store.labels[pictures.partners])
        shares = torch.from_numpy(pictures.shares)
        return Batch(inputs, labels, positions, partners, shares, turns)

    def _changed(self, chosen: NDArray[np.int64], epoch: int) -> NDArray[np.uint8]:
        pixels = self.store.take(chosen % len(self.store))
        if self.augmentation is None:
            return pixels
        return self.augmentation.apply(
            pixels,
            chosen,
            self.seed,
            epoch,
            pad_value=self.image_format.pad_value,
            mean_colour=self.image_format.mean_colour,
        )
