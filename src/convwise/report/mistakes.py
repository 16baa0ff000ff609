"""The mistakes that the network was surest of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convwise.report.pictures import png_data_uri
from convwise.report.run_folder import Prediction
from convwise.report.wording import percent, shown

SHOWN = 24


@dataclass(frozen=True)
class Card:
    """One mistake as the gallery shows it; ``picture`` is a data URI, or None without pixels."""

    id: str
    label: str
    predicted: str
    probability: str
    label_probability: str | None
    picture: str | None
    pixelated: bool


@dataclass(frozen=True)
class Gallery:
    """The cards, the surest mistake first, and how many mistakes there are in all."""

    cards: tuple[Card, ...]
    mistakes: int
    images: int


def surest_mistakes(predictions: Iterable[Prediction]) -> list[Prediction]:
    """Return all mistakes, the most confident first; equal ones by id.

    Example:
        >>> sure, unsure = Prediction("a", "cat", "dog", 0.9), Prediction("b", "cat", "dog", 0.6)
        >>> [mistake.id for mistake in surest_mistakes([unsure, sure])]
        ['a', 'b']
    """
    wrong = (one for one in predictions if one.label != one.predicted)
    return sorted((one for one in wrong if math.isfinite(one.probability)), key=_surest_first)


def _surest_first(mistake: Prediction) -> tuple[float, str]:
    return (-mistake.probability, mistake.id)


def gallery(
    predictions: tuple[Prediction, ...],
    pictures: Mapping[str, npt.NDArray[np.uint8]],
    limit: int = SHOWN,
) -> Gallery:
    """Return the gallery of the surest mistakes.

    Args:
        predictions: lines of predictions.csv.
        pictures: uint8 (height, width, channels) per id; a mistake without one is told in words.
        limit: most cards.

    Raises:
        DataError: a picture is not of that kind.
    """
    wrong = surest_mistakes(predictions)
    cards = tuple(_card(mistake, pictures.get(mistake.id)) for mistake in wrong[:limit])
    return Gallery(cards, mistakes=len(wrong), images=len(predictions))


def _card(mistake: Prediction, pixels: npt.NDArray[np.uint8] | None) -> Card:
    own = mistake.label_probability
    return Card(
        id=shown(mistake.id),
        label=shown(mistake.label),
        predicted=shown(mistake.predicted),
        probability=percent(mistake.probability),
        label_probability=None if own is None else percent(own),
        picture=None if pixels is None else png_data_uri(pixels),
        # Between pixels of a small picture there is nothing to smooth.
        pixelated=pixels is not None and max(pixels.shape[:2]) <= 96,
    )
