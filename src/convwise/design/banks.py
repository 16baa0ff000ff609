"""Banks of filters that classical vision picked by hand."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

Values = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Filter:
    """One hand-picked filter.

    Args:
        name: what it finds or does.
        values: rows of numbers; an odd number of each.
    """

    name: str
    values: Values

    def centred(self, rows: int, columns: int) -> Values:
        """Return the filter in the middle of zeros, on so many rows and columns."""
        above, left = (rows - len(self.values)) // 2, (columns - len(self.values[0])) // 2
        return tuple(
            tuple(
                self.values[row - above][column - left]
                if above <= row < above + len(self.values)
                and left <= column < left + len(self.values[0])
                else 0.0
                for column in range(columns)
            )
            for row in range(rows)
        )


def _turned(values: Values) -> Values:
    return tuple(zip(*values, strict=True))


def _scaled(values: tuple[tuple[int, ...], ...], divisor: int) -> Values:
    return tuple(tuple(value / divisor for value in row) for row in values)


def _gabor(angle: float, size: int = 7, wavelength: float = 4.0, sigma: float = 2.0) -> Values:
    """Return an even Gabor filter with mean 0 and the absolute values' sum 1."""
    half = size // 2
    raw = [
        [
            math.exp(-(x * x + y * y) / (2 * sigma * sigma))
            * math.cos(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / wavelength)
            for x in range(-half, half + 1)
        ]
        for y in range(-half, half + 1)
    ]
    mean = sum(map(sum, raw)) / size**2
    level = sum(abs(value - mean) for row in raw for value in row)
    return tuple(tuple((value - mean) / level for value in row) for row in raw)


_SOBEL = _scaled(((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)), 8)
_PREWITT = _scaled(((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)), 6)
_BINOMIAL = (1, 4, 6, 4, 1)

_SINGLE: dict[str, tuple[Filter, ...]] = {
    "sobel": (
        Filter("sobel, vertical edges", _SOBEL),
        Filter("sobel, horizontal edges", _turned(_SOBEL)),
    ),
    "prewitt": (
        Filter("prewitt, vertical edges", _PREWITT),
        Filter("prewitt, horizontal edges", _turned(_PREWITT)),
    ),
    "laplacian": (Filter("laplacian, spots", _scaled(((0, 1, 0), (1, -4, 1), (0, 1, 0)), 8)),),
    "gaussian": (
        Filter(
            "gaussian, smooths",
            _scaled(tuple(tuple(a * b for b in _BINOMIAL) for a in _BINOMIAL), 256),
        ),
    ),
    "sharpen": (Filter("sharpen", _scaled(((0, -1, 0), (-1, 5, -1), (0, -1, 0)), 1)),),
    "gabor": tuple(
        Filter(f"gabor, {degrees}°", _gabor(math.radians(degrees))) for degrees in (0, 45, 90, 135)
    ),
}

_CLASSIC = tuple(each for bank in _SINGLE.values() for each in bank)


def _random(number: int, size: int = 7) -> Values:
    """Return numbers drawn once and for all, the absolute values' sum 1."""
    # random() is the one method whose numbers Python promises to keep.
    source = random.Random(number)
    raw = [[2.0 * source.random() - 1.0 for _ in range(size)] for _ in range(size)]
    level = sum(abs(value) for row in raw for value in row)
    return tuple(tuple(value / level for value in row) for row in raw)


BANKS: dict[str, tuple[Filter, ...]] = {
    **_SINGLE,
    "classic": _CLASSIC,
    "random": tuple(Filter(f"random {n}", _random(n)) for n in range(len(_CLASSIC))),
}
"""Each bank by its name; ``classic`` holds all that were picked by hand.

``random`` is no filter that anyone picked: as many of them, to tell what the picking is worth.
"""


def bank_size(name: str) -> int:
    """Return rows (and columns) of the largest filter of a bank.

    Example:
        >>> bank_size("sobel"), bank_size("classic")
        (3, 7)
    """
    return max(len(each.values) for each in BANKS[name])
