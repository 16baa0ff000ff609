"""Small random changes of training pictures: shift and mirror."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convwise.data.draws import draws
from convwise.errors import OptionError


@dataclass(frozen=True)
class Augmentation:
    """A random shift, and a mirroring of left and right for half of the pictures.

    Both depend on (seed, epoch, sample) alone: a picture gets the same change whatever batch it
    is in. The mirroring comes first, then the shift; what a shift uncovers is filled, nothing
    wraps around.

    Args:
        shift: largest shift in pixels; both axes draw evenly from -shift…shift.
        flip: mirror or not.

    Raises:
        OptionError: ``shift`` is negative.

    Example:
        >>> pixels = np.zeros((3, 28, 28, 1), np.uint8)
        >>> Augmentation(shift=2).apply(pixels, np.arange(3), seed=0, epoch=1).shape
        (3, 28, 28, 1)
    """

    shift: int = 2
    flip: bool = True

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise OptionError(f"shift {self.shift} is negative; use 0 for no shift")

    def choices(
        self, samples: NDArray[np.int64], seed: int, epoch: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return (down, right, mirrored) for each sample index; shifts in pixels."""
        bits = draws("augment", seed, epoch, counters=samples)
        # 21 bits scaled to 2·shift+1 values: no value is favoured by more than one in 400,000.
        span = np.uint64(2 * self.shift + 1)
        part = np.uint64((1 << 21) - 1)
        down = ((bits >> np.uint64(43)) * span) >> np.uint64(21)
        right = (((bits >> np.uint64(22)) & part) * span) >> np.uint64(21)
        mirrored = (bits & np.uint64(1)).astype(np.bool_) & self.flip
        return down.astype(np.int64) - self.shift, right.astype(np.int64) - self.shift, mirrored

    def apply(
        self,
        pixels: NDArray[np.uint8],
        samples: NDArray[np.int64],
        seed: int,
        epoch: int,
        *,
        pad_value: int = 0,
    ) -> NDArray[np.uint8]:
        """Return changed copies.

        Args:
            pixels: uint8, (batch, height, width, channels).
            samples: int64, (batch,), each picture's position in its split.
            seed: the run's seed.
            epoch: the epoch's number.
            pad_value: grey level 0…255 that fills what a shift uncovers.

        Returns:
            uint8, of the same shape.
        """
        down, right, mirrored = self.choices(samples, seed, epoch)
        batch, height, width, channels = pixels.shape
        margin = self.shift
        canvas = np.full(
            (batch, height + 2 * margin, width + 2 * margin, channels), pad_value, np.uint8
        )
        inner = canvas[:, margin : margin + height, margin : margin + width]
        inner[:] = pixels
        inner[mirrored] = pixels[mirrored, :, ::-1]
        # One window per possible shift, as views; rows of a window are contiguous, so the gather
        # below copies whole rows.
        picture, row, column, _ = canvas.strides
        windows = as_strided(
            canvas,
            (batch, 2 * margin + 1, 2 * margin + 1, height, width * channels),
            (picture, row, column, row, 1),
            writeable=False,
        )
        # Content that moves down shows the window that begins further up.
        moved = windows[np.arange(batch), margin - down, margin - right]
        return moved.reshape(batch, height, width, channels)
