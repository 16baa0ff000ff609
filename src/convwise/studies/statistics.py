"""Statistics of paired differences, as plain functions of arrays.

A difference of two arms is known for each seed and each test image: an array (seeds, images). It
varies for two reasons: another seed trains other weights, and another sample of test images asks
other questions. The interval over seeds covers the first, that over seeds and images both.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

DRAWS = 2_000


@dataclass(frozen=True)
class Part:
    """A part of the variance of a mean, known with so many degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class Estimate:
    """A mean difference and how far it can be trusted.

    Args:
        mean: of the differences.
        seeds: its variance from seeds, which more of them make smaller.
        images: its variance from test images, which more of them make smaller; None where the
            images are taken as they are.

    Example:
        >>> [round(end, 2) for end in Estimate(1.0, Part(0.01, 4)).interval()]
        [0.72, 1.28]
    """

    mean: float
    seeds: Part
    images: Part | None = None

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the two-sided interval at a level.

        Half its width is the root of the sum of squares of the parts' own t half-widths (Graybill
        and Wang 1980, "Confidence intervals on nonnegative linear combinations of variances",
        section 2, for the quantile): never narrower than the t interval of either part.
        """
        half = self._reach((1.0 - level) / 2.0)
        return self.mean - half, self.mean + half

    def p_difference(self) -> float:
        """Return the two-sided p-value of "there is no difference"."""
        return min(1.0, 2.0 * self._tail(abs(self.mean)))

    def p_equivalence(self, margin: float) -> float:
        """Return the p-value of "the difference is at least the margin, one way or the other".

        Two one-sided tests (Schuirmann 1987, "A comparison of the two one-sided tests procedure and
        the power approach for assessing the equivalence of average bioavailability", section 2).
        """
        return self._tail(margin - abs(self.mean))

    @property
    def _parts(self) -> tuple[Part, ...]:
        return (self.seeds,) if self.images is None else (self.seeds, self.images)

    def _reach(self, tail: float) -> float:
        """Return how far from the mean a one-sided test of that level still reaches."""
        if math.isinf(self.seeds.variance):
            return math.inf
        squares = (
            part.variance * float(special.stdtrit(part.freedom, tail)) ** 2 for part in self._parts
        )
        return math.sqrt(sum(squares))

    def _tail(self, distance: float) -> float:
        """Return the level at which a one-sided test reaches just that far."""
        if distance < 0.0:
            return 1.0
        if math.isinf(self.seeds.variance) or distance == 0.0:
            return 0.5
        low, high = -300.0, math.log(0.5)  # below, the square of a quantile may overflow
        for _ in range(40):  # to nine digits of the logarithm
            middle = (low + high) / 2.0
            low, high = (
                (low, middle) if self._reach(math.exp(middle)) < distance else (middle, high)
            )
        return math.exp(high)


def over_seeds(differences: NDArray[np.float64]) -> Estimate:
    """Return the mean difference with its error over seeds; the test images are as they are.

    The paired t procedure (Student 1908): one difference a seed, n - 1 degrees of freedom.

    Args:
        differences: float64, (seeds,).

    Example:
        >>> [round(end, 3) for end in over_seeds(np.array([0.01, 0.02, 0.03])).interval()]
        [-0.005, 0.045]
    """
    seeds = len(differences)
    mean = float(differences.mean())
    if seeds < 2:
        return Estimate(mean, Part(math.inf, 1.0))
    return Estimate(mean, Part(float(differences.var(ddof=1)) / seeds, seeds - 1.0))


def over_seeds_and_images(
    differences: NDArray[np.float64], *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """Return the mean difference with its error over seeds and test images together, by bootstrap.

    Each draw takes as many seeds and as many images as there are, both with replacement, and
    averages the differences where they cross (Owen 2007, "The pigeonhole bootstrap", section 3).
    The variance of the draws is then made unbiased: it lacks 1/n of the seeds' part, and counts
    what is peculiar to one seed on one image up to three times (ibid., theorem 3). What the t
    interval over seeds does not explain of it is the images' part.

    Args:
        differences: float64, (seeds, images).
        draws: how many.
        seed: of the draws.
    """
    seeds, images = differences.shape
    by_seed, by_image = differences.mean(axis=1), differences.mean(axis=0)
    alone = over_seeds(by_seed)
    if seeds < 2 or images < 2:
        return alone
    rest = differences - by_seed[:, None] - by_image + alone.mean
    peculiar = float((rest**2).sum()) / ((seeds - 1) * (images - 1)) / (seeds * images)
    drawn = float(bootstrap_means(differences, draws, seed).var(ddof=1))
    whole = drawn + alone.seeds.variance / seeds - peculiar * (2.0 - 1.0 / seeds)
    of_images = max(whole - alone.seeds.variance, 0.0)
    return Estimate(alone.mean, alone.seeds, Part(of_images, images - 1.0))


def bootstrap_means(differences: NDArray[np.float64], draws: int, seed: int) -> NDArray[np.float64]:
    """Return the mean of each draw of seeds and images together, (draws,)."""
    seeds, images = differences.shape
    rows, columns = _counts(seeds, draws, seed), _counts(images, draws, seed + 1)
    crossed = (rows / seeds) @ differences
    means: NDArray[np.float64] = np.einsum("di,di->d", crossed, columns, dtype=np.float64)
    means /= images
    return means


@functools.lru_cache(maxsize=4)
def _counts(things: int, draws: int, seed: int) -> NDArray[np.float32]:
    """Return how often each draw with replacement takes each thing, (draws, things)."""
    random = np.random.default_rng(seed)
    drawn = random.multinomial(things, np.full(things, 1.0 / things), size=draws)
    return drawn.astype(np.float32)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, so that all together err at the stated rate.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def seeds_to_tell(
    estimate: Estimate, effect: float, *, level: float = 0.95, power: float = 0.8
) -> int | None:
    """Return how many seeds in all would show a true difference of this size.

    The smallest n with (t(1 - α/2) + t(power))² · v·n₀/n + (z(1 - α/2) + z(power))² · b ≤ effect²,
    where v and b are the variances of the mean that come from seeds and from images, n₀ is the
    present number of seeds, and t has n - 1 degrees of freedom (Cohen 1988, "Statistical power
    analysis for the behavioral sciences", section 2.4, for paired means, with b added).

    Args:
        estimate: of the present seeds.
        effect: true difference to show, in the unit of the differences.
        level: of the interval that is to leave out 0.
        power: with which probability it does.

    Returns:
        None where no number of seeds up to 10,000 would, because the test images are too few or
        because a single seed tells nothing of the spread.

    Example:
        >>> seeds_to_tell(Estimate(0.0, Part(0.01**2 / 3, 2)), effect=0.01)
        10
    """
    if math.isinf(estimate.seeds.variance):
        return None
    counts = np.unique(np.geomspace(2, 10_000, 400).astype(np.int64))
    factor = stats.t.ppf((1 + level) / 2, counts - 1) + stats.t.ppf(power, counts - 1)
    once = estimate.seeds.variance * (estimate.seeds.freedom + 1)
    of_images = 0.0 if estimate.images is None else estimate.images.variance
    fixed = (stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power)) ** 2 * of_images
    enough = factor**2 * once / counts + fixed <= effect**2
    return int(counts[np.argmax(enough)]) if enough.any() else None
