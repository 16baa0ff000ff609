"""Mix each training picture with another one, and their labels in the same proportion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convwise.data.augment.limits import LARGEST_ALPHA
from convwise.data.augment.rectangle import rectangles
from convwise.data.draws import draws, shares
from convwise.errors import OptionError


class Mixed(NamedTuple):
    """Pictures that consist of two.

    Args:
        pixels: uint8, (batch, height, width, channels).
        partners: int64, (batch,), position of each one's other picture in the split.
        shares: float32, (batch,), how much of each label is its own; the rest is the partner's.
    """

    pixels: NDArray[np.uint8]
    partners: NDArray[np.int64]
    shares: NDArray[np.float32]


@dataclass(frozen=True)
class Mixing:
    """How pictures are mixed; with both kinds asked for, each picture draws one of them.

    Mixup adds two pictures in the proportion λ : 1 - λ (Zhang et al. 2017, "mixup: beyond empirical
    risk minimization", section 2). CutMix replaces a rectangle that covers 1 - λ of the picture
    (Yun et al. 2019, "CutMix", section 3.1); there λ is what the rectangle's whole pixels leave. λ
    comes from a Beta(α, α) distribution. Partner, λ and place depend on (seed, epoch, sample)
    alone, and a partner is changed as it is in its own turn of this epoch.

    Args:
        mixup: α of mixup, 0…10; 0 leaves it out.
        cutmix: α of CutMix, 0…10; 0 leaves it out.

    Raises:
        OptionError: an α is out of range.

    Example:
        >>> pixels = np.stack([np.zeros((2, 2, 1)), np.full((2, 2, 1), 200)]).astype(np.uint8)
        >>> mixed = Mixing(mixup=1.0).apply(
        ...     pixels, np.arange(2), lambda places: pixels[places], count=2, seed=0, epoch=1
        ... )
        >>> mixed.pixels.shape, mixed.partners.shape
        ((2, 2, 2, 1), (2,))
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mixup", "cutmix"):
            if not 0 <= getattr(self, name) <= LARGEST_ALPHA:
                raise OptionError(
                    f"{name} {getattr(self, name):g} is not between 0 and {LARGEST_ALPHA:g}"
                )

    def __bool__(self) -> bool:
        return bool(self.mixup or self.cutmix)

    def apply(
        self,
        pixels: NDArray[np.uint8],
        samples: NDArray[np.int64],
        take: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
        *,
        count: int,
        seed: int,
        epoch: int,
    ) -> Mixed:
        """Return the pictures mixed with their partners.

        Args:
            pixels: uint8, (batch, height, width, channels).
            samples: int64, (batch,), each picture's position in its split.
            take: returns the pictures at other positions, changed as these are.
            count: pictures in the split.
            seed: the run's seed.
            epoch: the epoch's number.
        """
        # Here, as it takes a third of a second to import.
        from scipy.special import betaincinv

        bits = draws("partner", seed, epoch, counters=samples) >> np.uint64(11)
        partners = (bits % np.uint64(count)).astype(np.int64)
        others = take(partners)
        uniform = shares("mix", seed, epoch, counters=samples)
        cut = shares("mix kind", seed, epoch, counters=samples) < self._share_cut
        alphas = np.where(cut, self.cutmix, self.mixup)
        own = betaincinv(alphas, alphas, uniform)
        weights = np.where(cut, 0.0, 1.0 - own)[:, None, None].astype(np.float32)
        places = np.stack(
            [shares(f"mix {axis}", seed, epoch, counters=samples) for axis in ("down", "across")],
            axis=1,
        )
        size = pixels.shape[1:3]
        inside = rectangles(size, np.where(cut, 1.0 - own, 0.0), np.ones(len(own)), places)
        own = np.where(cut, 1.0 - inside.mean(axis=(1, 2)), own)
        weight = np.where(inside, np.float32(1), weights)[..., None]
        blended = np.rint(pixels + (others.astype(np.float32) - pixels) * weight)
        return Mixed(blended.astype(np.uint8), partners, own.astype(np.float32))

    @property
    def _share_cut(self) -> float:
        if self.mixup and self.cutmix:
            return 0.5
        return float(bool(self.cutmix))
