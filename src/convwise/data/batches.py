"""From stored pixels to the tensors a network takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.augment import Augmentation
from convwise.data.draws import draws
from convwise.data.store import PixelStore
from convwise.errors import DataError, OptionError
from convwise.image import ImageFormat


def to_input(pixels: NDArray[np.uint8], image_format: ImageFormat) -> torch.Tensor:
    """Scale pixels as the contract says: ``(pixel / 255 - mean) / std``, step by step in float32.

    Training, evaluation and prediction all pass through here.

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
    if pixels.dtype != np.uint8 or pixels.shape[1:] != image_format.shape:
        raise DataError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; the image format "
            f"takes uint8 of shape (n, {', '.join(map(str, image_format.shape))})"
        )
    # copy=True: the tensor must never share memory with a store, nor with a read-only array.
    values = torch.from_numpy(pixels.astype(np.float32, order="C", copy=True))
    values.div_(255.0)
    values.sub_(torch.tensor(image_format.mean, dtype=torch.float32))
    values.div_(torch.tensor(image_format.std, dtype=torch.float32))
    return values.permute(0, 3, 1, 2)


class Batch(NamedTuple):
    """Pictures that are trained on together.

    Args:
        inputs: what :func:`to_input` returns, (batch, channels, height, width).
        labels: int64, (batch,).
        positions: of the pictures in their store, int64, (batch,).
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    positions: NDArray[np.int64]


class Batches:
    """Shuffled training batches of a store, the same ones for the same seed and epoch.

    Args:
        store: the pictures.
        image_format: the contract, with mean and std filled in.
        batch_size: pictures per batch; a smaller store gives one batch of all its pictures.
        seed: with the epoch's number it decides order and augmentation.
        augmentation: random change of each picture, or None.
        drop_last: leave out the incomplete batch at an epoch's end.

    Raises:
        OptionError: ``batch_size`` is below 1.
        DataError: the store is empty.

    Example:
        >>> store = PixelStore(np.zeros((5, 4, 4, 1), np.uint8), np.arange(5), tuple("abcde"))
        >>> [len(labels) for _, labels, _ in Batches(store, ImageFormat(4, 4, 1), 2).epoch(1)]
        [2, 2]
    """

    def __init__(
        self,
        store: PixelStore,
        image_format: ImageFormat,
        batch_size: int,
        seed: int = 0,
        augmentation: Augmentation | None = None,
        drop_last: bool = True,
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
        self.drop_last = drop_last

    def __len__(self) -> int:
        return self.steps(len(self.store))

    def steps(self, pictures: int) -> int:
        """Return how many batches so many of the pictures give; few give one small batch."""
        whole, rest = divmod(pictures, self.batch_size)
        return max(whole + bool(rest and not self.drop_last), 1)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the positions of all pictures in this epoch's order, (n,)."""
        positions = np.arange(len(self.store), dtype=np.int64)
        return np.argsort(draws("shuffle", self.seed, epoch, counters=positions), kind="stable")

    def epoch(self, number: int, kept: NDArray[np.bool_] | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch.

        Args:
            number: of the epoch.
            kept: whether each picture takes part, (n,); None stands for all of them.
        """
        order = self.order(number)
        if kept is not None:
            order = order[kept[order]]
        for start in range(0, self.steps(len(order)) * self.batch_size, self.batch_size):
            chosen = order[start : start + self.batch_size]
            pixels = self.store.take(chosen)
            if self.augmentation is not None:
                pixels = self.augmentation.apply(
                    pixels, chosen, self.seed, number, pad_value=self.image_format.pad_value
                )
            labels = torch.from_numpy(self.store.labels[chosen])
            yield Batch(to_input(pixels, self.image_format), labels, chosen)
