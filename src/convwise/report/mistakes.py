"""The mistakes that the network was surest of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convwise.explain.pictures import laid_over
from convwise.report.class_maps import ClassMaps
from convwise.report.pictures import is_pixelated, picture_data_uri
from convwise.report.run_folder import Prediction
from convwise.report.wording import percent, shown

SHOWN = 24


@dataclass(frozen=True)
class Look:
    """A class map over its image: a data URI, and the class that it speaks for."""

    picture: str
    speaks_for: str


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
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True)
class Gallery:
    """The cards, the surest mistake first.

    Args:
        cards: what is shown.
        mistakes: how many there are in all.
        images: how many images were asked about.
        layer: that the class maps were taken from; None where there are none.
    """

    cards: tuple[Card, ...]
    mistakes: int
    images: int
    layer: str | None = None


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
    maps: Mapping[str, ClassMaps] | None = None,
    limit: int = SHOWN,
) -> Gallery:
    """Return the gallery of the surest mistakes.

    Args:
        predictions: lines of predictions.csv.
        pictures: uint8 (height, width, channels) per id; a mistake without one is told in words.
        maps: class maps per id; a mistake without them shows its picture alone.
        limit: most cards.

    Raises:
        DataError: a picture is not of that kind.
    """
    wrong = surest_mistakes(predictions)
    maps = maps or {}
    cards = tuple(
        _card(mistake, pictures.get(mistake.id), maps.get(mistake.id)) for mistake in wrong[:limit]
    )
    layers = [maps[mistake.id].layer for mistake in wrong[:limit] if mistake.id in maps]
    return Gallery(
        cards,
        mistakes=len(wrong),
        images=len(predictions),
        layer=shown(layers[0]) if layers else None,
    )


def _card(
    mistake: Prediction, pixels: npt.NDArray[np.uint8] | None, maps: ClassMaps | None
) -> Card:
    own = mistake.label_probability
    return Card(
        id=shown(mistake.id),
        label=shown(mistake.label),
        predicted=shown(mistake.predicted),
        probability=percent(mistake.probability),
        label_probability=None if own is None else percent(own),
        picture=None if pixels is None else picture_data_uri(pixels),
        pixelated=pixels is not None and is_pixelated(pixels),
        looks=() if pixels is None or maps is None else _looks(mistake, pixels, maps),
    )


def _looks(mistake: Prediction, pixels: npt.NDArray[np.uint8], maps: ClassMaps) -> tuple[Look, ...]:
    return tuple(
        Look(picture_data_uri(laid_over(pixels, values)), shown(name))
        for values, name in ((maps.predicted, mistake.predicted), (maps.label, mistake.label))
    )
