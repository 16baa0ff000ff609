"""Augmentation: which random changes training pictures get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.data.augment.limits import LARGEST
from convwise.data.augment.position import mirror_and_shift
from convwise.data.augment.rectangle import rectangles
from convwise.data.augment.tone import change_tone
from convwise.data.draws import draws, shares
from convwise.errors import OptionError

ERASED_AT_LEAST = 0.02
FLATTEST = 0.3


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a picture: how far each may go; 0 leaves it out.

    All depend on (seed, epoch, sample) alone: a picture gets the same changes whatever batch it
    is in. They come in the order of the arguments below, and nothing wraps around: what a change
    uncovers is filled.

    Args:
        shift: largest shift in pixels; both axes draw evenly from -shift…shift.
        flip: left and right change places in half of the pictures.
        alternating_flip: with ``flip``, a picture is mirrored in every second epoch instead, and
            half of them begin (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU",
            section 3.6): within two epochs it is seen both ways.
        rotate: largest turn in degrees, either way, 0…180.
        scale: largest enlargement, 0…1; 0.2 stands for sizes from 1/1.2 to 1.2, even in logarithm.
        crop: largest share of each side that is cut off, 0…0.9; the rest is enlarged to full size.
        brightness: largest change of all levels, as a share of 255, 0…1.
        contrast: largest change of contrast, 0…1; 0.2 stands for factors from 0.8 to 1.2.
        erase: largest share of the area, 0…0.9, that a rectangle of the mean colour covers, in
            half of the pictures (Zhong et al. 2017, "Random erasing data augmentation").

    Raises:
        OptionError: a number is out of range.

    Example:
        >>> pixels = np.zeros((3, 28, 28, 1), np.uint8)
        >>> Augmentation(shift=2, rotate=10).apply(pixels, np.arange(3), seed=0, epoch=1).shape
        (3, 28, 28, 1)
    """

    shift: int = 2
    flip: bool = True
    alternating_flip: bool = False
    rotate: float = 0.0
    scale: float = 0.0
    crop: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erase: float = 0.0

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise OptionError(f"shift {self.shift} is negative; use 0 for no shift")
        for name, most in LARGEST.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise OptionError(f"{name} {value:g} is not between 0 and {most:g}")

    @property
    def only_places(self) -> bool:
        """Whether pictures are mirrored and moved at most, which no level changes by."""
        return not any(getattr(self, name) for name in LARGEST)

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
        if self.alternating_flip:
            bits = draws("flip", seed, counters=samples) + np.uint64(epoch & 1)
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
        mean_colour: tuple[int, ...] = (0,),
    ) -> NDArray[np.uint8]:
        """Return changed copies.

        Args:
            pixels: uint8, (batch, height, width, channels).
            samples: int64, (batch,), each picture's position in its split.
            seed: the run's seed.
            epoch: the epoch's number.
            pad_value: grey level 0…255 that fills what a change uncovers.
            mean_colour: level of each channel, or one of all, where a picture is erased.

        Returns:
            uint8, of the same shape.
        """
        down, right, mirrored = self.choices(samples, seed, epoch)
        changed = mirror_and_shift(
            pixels, down, right, mirrored, margin=self.shift, pad_value=pad_value
        )

        def drawn(purpose: str) -> NDArray[np.float64]:
            return shares(purpose, seed, epoch, counters=samples)

        if self.rotate or self.scale or self.crop:
            # Here, as torch takes seconds to import, and recipes are read without it.
            from convwise.data.augment.warp import affine_maps, warp

            maps = affine_maps(
                pixels.shape[1:3],
                self.rotate * (2 * drawn("rotate") - 1),
                (1 + self.scale) ** (2 * drawn("scale") - 1),
                1 - self.crop * drawn("crop"),
                np.stack([drawn("crop down"), drawn("crop across")], axis=1),
            )
            changed = warp(changed, maps, pad_value=pad_value)
        if self.brightness or self.contrast:
            changed = change_tone(
                changed,
                self.brightness * (2 * drawn("brightness") - 1),
                1 + self.contrast * (2 * drawn("contrast") - 1),
            )
        if self.erase:
            changed[self._erased(pixels.shape[1:3], drawn)] = mean_colour
        return changed

    def _erased(
        self, size: tuple[int, int], drawn: Callable[[str], NDArray[np.float64]]
    ) -> NDArray[np.bool_]:
        least = min(ERASED_AT_LEAST, self.erase)
        areas = least + (self.erase - least) * drawn("erase area")
        ratios = FLATTEST ** (2 * drawn("erase ratio") - 1)
        places = np.stack([drawn("erase down"), drawn("erase across")], axis=1)
        chosen = drawn("erase") < 0.5
        return rectangles(size, np.where(chosen, areas, 0.0), ratios, places)
