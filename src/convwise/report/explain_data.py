"""Mistakes and likely label errors as cards of an explanation's page."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.explain.in_data import DataExplanation, Mistake
from convwise.explain.label_errors import LabelError
from convwise.report.explain_pictures import Shot, photo
from convwise.report.wording import percent, shown

# The table holds all of them.
MOST_LABELS = 48
_NEAR = 64


@dataclass(frozen=True)
class Mark:
    """What a line of the saved table needs, exactly as the data has it."""

    path: str
    label: str
    suggested: str


@dataclass(frozen=True)
class MistakeCard:
    """A mistake, and the training images that the network finds most like it."""

    shot: Shot
    id: str
    label: str
    predicted: str
    probability: str
    own: str
    likely_error: bool
    near: tuple[Shot, ...]
    near_words: str
    mark: Mark


@dataclass(frozen=True)
class LabelCard:
    """A label that is likely wrong."""

    shot: Shot
    id: str
    label: str
    own: str
    suggested: str
    other: str
    mark: Mark


def mistake_cards(data: DataExplanation) -> tuple[MistakeCard, ...]:
    """Return the surest mistakes, the surest first."""
    return tuple(_mistake(data, mistake) for mistake in data.mistakes)


def label_cards(data: DataExplanation) -> tuple[LabelCard, ...]:
    """Return the likeliest label errors, the likeliest first."""
    return tuple(_label(data, error) for error in data.label_errors[:MOST_LABELS])


def _mistake(data: DataExplanation, mistake: Mistake) -> MistakeCard:
    label, predicted = (data.classes[place] for place in (mistake.label, mistake.predicted))
    classes = [data.classes[data.train.labels[each.image]] for each in mistake.neighbours]
    near = tuple(
        photo(data.train_picture(each.image), f"A training image of {shown(name)}", _NEAR)
        for each, name in zip(mistake.neighbours, classes, strict=True)
    )
    return MistakeCard(
        shot=photo(data.picture(mistake.image), f"{shown(label)}, taken for {shown(predicted)}"),
        id=shown(mistake.name),
        label=shown(label),
        predicted=shown(predicted),
        probability=percent(mistake.probability),
        own=percent(mistake.own),
        likely_error=mistake.likely_error,
        near=near,
        near_words=_near_words(classes),
        mark=Mark(mistake.name, label, predicted),
    )


def _near_words(classes: list[str]) -> str:
    """Return the classes of the neighbours, the most frequent first.

    Example:
        >>> _near_words(["Coat", "Shirt", "Coat"])
        '2 Coat, 1 Shirt'
    """
    order = sorted(set(classes), key=lambda name: (-classes.count(name), classes.index(name)))
    return ", ".join(f"{classes.count(name)} {shown(name)}" for name in order)


def _label(data: DataExplanation, error: LabelError) -> LabelCard:
    label, suggested = (data.classes[place] for place in (error.label, error.suggested))
    name = data.store.ids[error.image]
    return LabelCard(
        shot=photo(data.picture(error.image), f"Labelled {shown(label)}"),
        id=shown(name),
        label=shown(label),
        own=percent(error.own),
        suggested=shown(suggested),
        other=percent(error.other),
        mark=Mark(name, label, suggested),
    )
