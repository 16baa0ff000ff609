"""What a network makes of a data set: its mistakes, likely label errors, and who lies near whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.data.store import PixelStore
from convwise.errors import DesignError
from convwise.evaluation.features import features
from convwise.evaluation.predict import predict_store
from convwise.explain.embedding import Embedding, embedding
from convwise.explain.figure import Figure
from convwise.explain.label_errors import LabelError, label_errors
from convwise.explain.neighbours import Neighbour, nearest
from convwise.explain.pictures import in_colour, sheet, thumbnail
from convwise.explain.sources import LoadedSplit
from convwise.model.head import head_rows
from convwise.model.trained import TrainedModel

MISTAKES = 48
NEIGHBOURS = 5
# Operations spent on training images to search among: some seconds of two cores.
SEARCH_FLOPS = 10**12
FEWEST_SEARCHED = 64
THUMBNAIL = 48
# t-SNE of as many takes some seconds, and they still lie apart on a page.
LAID_OUT = 800
_TILE = 64

OnStep = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Mistake:
    """An image that the network counts to another class than its label.

    Args:
        image: which of the split.
        name: the source's own name of it.
        label: place of its class.
        predicted: place of the class that the network names.
        probability: that the network gives to that.
        own: that the network gives to the label.
        likely_error: whether the label is likely wrong, see :func:`label_errors`.
        neighbours: the training images that the network finds most like it.
    """

    image: int
    name: str
    label: int
    predicted: int
    probability: float
    own: float
    likely_error: bool
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, eq=False)
class DataExplanation(Figure):
    """What a network makes of one split of a data set.

    Args:
        source: the data set.
        split: which of its images.
        store: these images, labels in the order of the model's classes.
        train: the training images that were searched for neighbours.
        train_images: how many training images there are.
        classes: of the model.
        probabilities: float32, (images, classes).
        mistakes: those that the network was surest of, the surest first.
        mistaken: how many mistakes there are in all.
        label_errors: the likeliest first.
        embedding: some images in two dimensions; None where the network has no last dense layer.
        skipped: how many files could not be read.
    """

    source: str
    split: str
    store: PixelStore
    train: PixelStore
    train_images: int
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    mistakes: tuple[Mistake, ...]
    mistaken: int
    label_errors: tuple[LabelError, ...]
    embedding: Embedding | None
    skipped: int = 0

    def picture(self, image: int) -> NDArray[np.uint8]:
        """Return an image of the split, uint8, (height, width, channels)."""
        return _one(self.store, image)

    def train_picture(self, image: int) -> NDArray[np.uint8]:
        """Return an image that was searched, likewise."""
        return _one(self.train, image)

    def drawn(self) -> NDArray[np.uint8]:
        """Return a row for each mistake: the image, then its nearest training images."""
        rows = []
        for mistake in self.mistakes:
            near = [self.train_picture(each.image) for each in mistake.neighbours]
            tiles = [thumbnail(each, _TILE) for each in (self.picture(mistake.image), *near)]
            rows.append(sheet([in_colour(tile) for tile in tiles], len(tiles), 2))
        return sheet(rows, 1, 4) if rows else np.full((_TILE, _TILE, 3), 255, np.uint8)

    @property
    def caption(self) -> str:
        """How many mistakes."""
        return (
            f"{len(self.mistakes)} of {self.mistaken:,} mistakes, the surest first, each with the"
            " training images that the network finds most like it"
        )


def explain_data(
    model: TrainedModel,
    data: LoadedSplit,
    *,
    seed: int = 0,
    on_step: OnStep = lambda words: None,
) -> DataExplanation:
    """Find mistakes, likely label errors and neighbours.

    Args:
        model: that is explained.
        data: the images that are looked at, and those that the model has learnt from.
        seed: of the layout in two dimensions.
        on_step: told what is done next.
    """
    store, train = data.store, data.train
    on_step(f"asking about {len(store):,} images")
    probabilities = predict_store(model, store)
    errors = label_errors(store.labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != store.labels)
    sureness = probabilities[wrong, predicted[wrong]]
    shown = wrong[np.argsort(-sureness, kind="stable")][:MISTAKES]
    searched = train.select(_some(len(train), _affordable(model)))
    on_step(f"searching {len(searched):,} training images for neighbours")
    found = _neighbours(model, store.select(shown), searched)
    likely = {error.image for error in errors}
    mistakes = tuple(
        Mistake(
            image=image,
            name=store.ids[image],
            label=int(store.labels[image]),
            predicted=int(predicted[image]),
            probability=float(probabilities[image, predicted[image]]),
            own=float(probabilities[image, store.labels[image]]),
            likely_error=image in likely,
            neighbours=near,
        )
        for image, near in zip(shown.tolist(), found, strict=True)
    )
    on_step("laying images out in two dimensions")
    return DataExplanation(
        data.source,
        data.split,
        store,
        searched,
        len(train),
        model.classes,
        probabilities,
        mistakes,
        len(wrong),
        errors,
        _embedding(model, store, predicted, seed),
        data.skipped,
    )


def _one(store: PixelStore, image: int) -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = store.take(slice(image, image + 1))[0]
    return picture


def _some(length: int, most: int) -> NDArray[np.int64]:
    """Return at most so many places of a sequence, evenly spread."""
    return np.linspace(0, length - 1, min(length, most)).round().astype(np.int64)


def _affordable(model: TrainedModel) -> int:
    return max(SEARCH_FLOPS // max(model.network.plan.total_flops, 1), FEWEST_SEARCHED)


def _neighbours(
    model: TrainedModel, wrong: PixelStore, train: PixelStore
) -> list[tuple[Neighbour, ...]]:
    if not len(wrong) or not _has_head(model):
        return [() for _ in wrong.ids]
    return nearest(_flat(model, wrong), _flat(model, train), NEIGHBOURS)


def _embedding(
    model: TrainedModel, store: PixelStore, predicted: NDArray[np.int64], seed: int
) -> Embedding | None:
    if not len(store) or not _has_head(model):
        return None
    images = _some(len(store), min(LAID_OUT, _affordable(model)))
    chosen = store.select(images)
    pictures = [thumbnail(each, THUMBNAIL) for block in chosen.blocks() for each in block]
    places = embedding(_flat(model, chosen), seed)
    return Embedding(places, np.stack(pictures), images, chosen.labels, predicted[images])


def _flat(model: TrainedModel, images: PixelStore) -> NDArray[np.float32]:
    found = features(model, images)
    return found.reshape(len(found), -1)


def _has_head(model: TrainedModel) -> bool:
    try:
        return bool(head_rows(model.network.plan))
    except DesignError:
        return False
