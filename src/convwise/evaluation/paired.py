"""Two classifiers on the same images: how far apart they are, and whether that can be chance.

Only the images on which one is right and the other wrong tell them apart. So the test looks at
these alone, and the interval is much narrower than two separate ones would suggest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convwise.errors import DataError

LEVEL = 0.05
POWER = 0.8
# Of the standard normal distribution: 1 - LEVEL / 2 and POWER.
_Z_LEVEL, _Z_POWER = 1.959963984540054, 0.8416212335729143


@dataclass(frozen=True)
class PairedCounts:
    """How many images each of two classifiers, or both, or neither, got right.

    Args:
        both: right by both.
        first: right by the first alone.
        second: right by the second alone.
        neither: wrong by both.

    Raises:
        DataError: there is no image.

    Example:
        >>> PairedCounts(both=59, first=6, second=16, neither=80).difference
        0.062111801242236024
    """

    both: int
    first: int
    second: int
    neither: int

    def __post_init__(self) -> None:
        if self.images < 1:
            raise DataError("there is no image to compare on")

    @property
    def images(self) -> int:
        """All of them."""
        return self.both + self.first + self.second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the second minus that of the first."""
        return (self.second - self.first) / self.images

    @property
    def disagreement(self) -> float:
        """Share of images that only one of them got right."""
        return (self.first + self.second) / self.images


def mcnemar_exact(first: int, second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Were both equally good, each image that only one gets right would be a fair coin's throw
    (McNemar 1947; the exact form after Fagerland, Lydersen and Laake 2013, "The McNemar test for
    binary matched-pairs data", section 2.2).

    Args:
        first: images that only the first got right.
        second: images that only the second got right.

    Example:
        >>> round(mcnemar_exact(1, 7), 4), mcnemar_exact(0, 0)
        (0.0703, 1.0)
    """
    # Here, as it takes a fifth of a second to import.
    from scipy.special import bdtr

    if first == second:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(first, second), first + second, 0.5)))


def difference_interval(counts: PairedCounts) -> tuple[float, float]:
    """Return the 95 % interval of the difference in accuracy, second minus first.

    All differences that a score test would not reject (Tango 1998, "Equivalence test and
    confidence interval for the difference in proportions for the paired-sample design",
    Statistics in Medicine 17, section 3). Fagerland, Lydersen and Laake (2014), "Recommended
    tests and confidence intervals for paired binomial proportions", section 5, recommend it.

    Example:
        >>> low, high = difference_interval(PairedCounts(both=59, first=6, second=16, neither=80))
        >>> f"{low:.4f} {high:.4f}"
        '0.0054 0.1240'
    """
    statistic = _score_statistic(counts)
    estimate = counts.difference
    low = _root(lambda at: statistic(at) - _Z_LEVEL, -1.0, estimate)
    high = _root(lambda at: statistic(at) + _Z_LEVEL, estimate, 1.0)
    return low, high


def _score_statistic(counts: PairedCounts) -> Callable[[float], float]:
    """Return z as a function of the assumed difference; it falls from low to high."""
    n, plus, minus = counts.images, counts.second, counts.first

    def statistic(assumed: float) -> float:
        room = assumed * (1.0 - assumed)
        middle = -plus - minus + (2 * n - plus + minus) * assumed
        # The likeliest share of images that only the first gets right, were the assumption true.
        root = math.sqrt(max(middle * middle + 8 * n * minus * room, 0.0))
        share = (root - middle) / (4 * n)
        variance = n * (2 * share + room)
        distance = plus - minus - n * assumed
        if variance <= 0.0:
            return 0.0 if distance == 0 else math.copysign(math.inf, distance)
        return distance / math.sqrt(variance)

    return statistic


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero, or the end beyond which it would."""
    above, below = function(low), function(high)
    if not (above > 0 > below):
        # Only at -1 and 1, where no difference is left to assume.
        return low if above <= 0 else high
    for _ in range(60):
        middle = (low + high) / 2
        if function(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def images_to_tell(counts: PairedCounts) -> int | None:
    """Return how many test images would tell the two apart in four of five cases.

    If their difference and their disagreement are what they seem to be (Connor 1987, "Sample size
    for testing differences in proportions for the paired-sample design", Biometrics 43,
    equation 3). None where there is no difference to tell.

    Example:
        >>> images_to_tell(PairedCounts(both=900, first=45, second=55, neither=0))
        7847
    """
    gap, discord = counts.difference, counts.disagreement
    if not gap:
        return None
    spread = math.sqrt(max(discord - gap * gap, 0.0))
    return math.ceil(((_Z_LEVEL * math.sqrt(discord) + _Z_POWER * spread) / gap) ** 2)


def tellable_difference(counts: PairedCounts) -> float | None:
    """Return the least difference that so many images show in four of five cases.

    The inverse of :func:`images_to_tell` at the disagreement that was seen; None where the two
    never disagree or even a disagreement that is all one's would not be enough.

    Example:
        >>> round(tellable_difference(PairedCounts(both=900, first=45, second=55, neither=0)), 4)
        0.028
    """
    discord, n = counts.disagreement, counts.images

    def lacking(gap: float) -> float:
        spread = math.sqrt(max(discord - gap * gap, 0.0))
        return _Z_LEVEL * math.sqrt(discord) + _Z_POWER * spread - gap * math.sqrt(n)

    if not discord or lacking(discord) > 0:
        return None
    return _root(lacking, 0.0, discord)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979, section 3).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
