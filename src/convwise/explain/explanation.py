"""A whole explanation of a model: its filters, some pictures, and a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convwise.data.pixel_cache import PixelCache
from convwise.data.store import PixelStore
from convwise.design.border import border_coverage_map
from convwise.errors import DesignError, MissingExtraError
from convwise.evaluation.evaluate import SplitName, chosen_split, read_as_for_training, relabelled
from convwise.explain.figure import Figure
from convwise.explain.filters import LearnedFilters, learned_filters
from convwise.explain.gradients import require_captum
from convwise.explain.in_data import DataExplanation, OnStep, explain_data
from convwise.explain.one_picture import ExplainedPicture, explain_picture, has_maps
from convwise.explain.pictures import coloured, png
from convwise.explain.pooling import BothPoolings, both_poolings
from convwise.explain.strongest import StrongestInputs, strongest_inputs
from convwise.model.trained import TrainedModel

PICTURES = 6
_Made = TypeVar("_Made")
# Operations spent on images whose patches may excite a filter.
PATCH_FLOPS = 5 * 10**11
FEWEST_FOR_PATCHES, MOST_FOR_PATCHES = 32, 4_000


@dataclass(frozen=True, eq=False)
class Coverage(Figure):
    """How often each pixel of the image is looked at.

    Args:
        values: float64, (height, width), 0…1, see :func:`border_coverage_map`.
    """

    values: NDArray[np.float64]

    def drawn(self) -> NDArray[np.uint8]:
        """Return it in colours, light where a pixel takes part in many windows."""
        return coloured(self.values)

    @property
    def caption(self) -> str:
        """The corner against the centre."""
        height, width = self.values.shape
        corner, centre = self.values[0, 0], self.values[height // 2, width // 2]
        return (
            f"How often each pixel is looked at: the corner {corner:.0%}, the centre {centre:.0%}"
            " of the most"
        )


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network has learnt, what it looks at, and where it errs.

    Args:
        model: that is explained.
        filters: of the first layer; None where they cannot be shown.
        strongest: what excites the filters of some layers; empty without a data set.
        pictures: one by one.
        poolings: both poolings of a map of the first picture; None without one.
        coverage: how often each pixel is looked at; None for a network without maps.
        data: what the network makes of a data set; None without one.
        notes: what does not apply to this model, or is missing here, and why.
    """

    model: TrainedModel
    filters: LearnedFilters | None
    strongest: tuple[StrongestInputs, ...] = ()
    pictures: tuple[ExplainedPicture, ...] = ()
    poolings: BothPoolings | None = None
    coverage: Coverage | None = None
    data: DataExplanation | None = None
    notes: tuple[str, ...] = ()

    @property
    def figures(self) -> dict[str, Figure]:
        """All pictures, by names that may stand in file names."""
        found: dict[str, Figure | None] = {
            "filters": self.filters,
            **{f"strongest-{each.layer}": each for each in self.strongest},
            **{
                f"picture-{number:02}-{name}": figure
                for number, picture in enumerate(self.pictures, start=1)
                for name, figure in picture.figures.items()
            },
            "poolings": self.poolings,
            "border-coverage": self.coverage,
            "embedding": self.data.embedding if self.data else None,
            "mistakes": self.data if self.data and self.data.mistakes else None,
        }
        return {name: figure for name, figure in found.items() if figure is not None}

    def _repr_png_(self) -> bytes | None:
        figures = list(self.figures.values())
        return figures[0].png() if figures else None

    def _repr_html_(self) -> str:
        return "".join(figure._repr_html_() for figure in self.figures.values())


def explain(
    model: TrainedModel,
    images: Sequence[tuple[str, NDArray[np.uint8]]] = (),
    data: LoadedSplit | None = None,
    *,
    target: int | str | None = None,
    layer: str | None = None,
    pictures: int = PICTURES,
    on_step: OnStep = lambda words: None,
) -> Explanation:
    """Explain a model.

    Args:
        model: that is explained.
        images: names and pixels, uint8 (height, width, channels) of the model's format.
        data: of :func:`load_split`, or None.
        target: place or name of the class to explain; None stands for each picture's prediction.
        layer: whose maps make the class maps; None stands for the last one.
        pictures: how many images of the data to explain one by one, mistakes among them.
        on_step: told what is done next.

    Raises:
        OptionError: there is no such class or layer.
    """
    in_data = None if data is None else data.explained(model, on_step)
    chosen = [_Chosen(name, pixels) for name, pixels in images]
    if in_data is not None:
        chosen += _some_of(in_data, pictures)
    explained = []
    for number, each in enumerate(chosen, start=1):
        on_step(f"explaining picture {number} of {len(chosen)}")
        explained.append(
            explain_picture(
                model, each.pixels, name=each.name, label=each.label, target=target, layer=layer
            )
        )
    first = chosen[0].pixels if chosen else None
    on_step("looking for what excites each filter")
    return Explanation(
        model=model,
        filters=_or_none(lambda: learned_filters(model)),
        strongest=() if in_data is None else strongest_inputs(model, _for_patches(model, in_data)),
        pictures=tuple(explained),
        poolings=None if first is None else _or_none(lambda: both_poolings(model, first)),
        coverage=_or_none(lambda: Coverage(border_coverage_map(model.network.plan)))
        if has_maps(model)
        else None,
        data=in_data,
        notes=tuple(_notes(model, bool(chosen), in_data)),
    )


@dataclass(frozen=True, eq=False)
class LoadedSplit:
    """A split of a data set in a model's format.

    Args:
        source: the data set.
        split: which of its images.
        store: these, labels in the order of the model's classes.
        train: the training images, likewise.
        skipped: how many files could not be read.
    """

    source: str
    split: str
    store: PixelStore
    train: PixelStore
    skipped: int = 0

    def explained(self, model: TrainedModel, on_step: OnStep) -> DataExplanation:
        """Return what a model makes of it."""
        return explain_data(
            model,
            self.store,
            self.train,
            source=self.source,
            split=self.split,
            skipped=self.skipped,
            on_step=on_step,
        )


def load_split(
    model: TrainedModel,
    data: str | Path,
    split: SplitName = "test",
    *,
    cache: bool = True,
    **data_options: Any,
) -> LoadedSplit:
    """Read a data set in a model's format, split as for its training.

    Args:
        model: its format, classes and split count.
        data: a named data set, a folder of class folders, or any other source.
        split: which images to look at.
        cache: take decoded pixels from the user's cache, and keep them there.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read, or has a class that the model does not know.
    """
    dataset = read_as_for_training(model, data, data_options, split)
    dataset = dataclasses.replace(dataset, format=model.image_format)
    decoded = dataset.decode(cache=PixelCache.of_user() if cache else None)
    store, train = (
        relabelled(each, dataset.classes, model.classes)
        for each in (chosen_split(decoded, split), decoded.stores["train"])
    )
    return LoadedSplit(str(data), split, store, train, len(decoded.skipped))


@dataclass(frozen=True, eq=False)
class _Chosen:
    name: str
    pixels: NDArray[np.uint8]
    label: str | None = None


def _some_of(data: DataExplanation, count: int) -> list[_Chosen]:
    """Return some images of the data: the surest mistakes, then right answers of many classes."""
    wrong = [mistake.image for mistake in data.mistakes[: count // 2]]
    images = [*wrong, *_right(data, count - len(wrong))]
    classes, labels = data.classes, data.store.labels
    return [
        _Chosen(data.store.ids[image], data.picture(image), classes[labels[image]])
        for image in images
    ]


def _right(data: DataExplanation, count: int) -> list[int]:
    """Return the surest right answer of as many classes as are wanted, evenly chosen."""
    best = data.probabilities.argmax(axis=1)
    found = []
    for label in np.unique(data.store.labels).tolist():
        right = np.flatnonzero((data.store.labels == label) & (best == label))
        if len(right):
            found.append(int(right[data.probabilities[right, label].argmax()]))
    if count <= 0 or not found:
        return []
    places = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
    return [found[place] for place in places.tolist()]


def _for_patches(model: TrainedModel, data: DataExplanation) -> PixelStore:
    affordable = PATCH_FLOPS // max(model.network.plan.total_flops, 1)
    most = min(max(affordable, FEWEST_FOR_PATCHES), MOST_FOR_PATCHES, len(data.store))
    places = np.linspace(0, len(data.store) - 1, most).round().astype(np.int64)
    return data.store.select(places)


def _notes(model: TrainedModel, pictures: bool, data: DataExplanation | None) -> list[str]:
    notes = []
    if not has_maps(model):
        notes.append(
            "This network has no map of more than 1×1 places: filters, feature maps, class maps,"
            " receptive fields and border coverage do not apply. Occlusion and integrated gradients"
            " take any network."
        )
    if not pictures:
        notes.append("No image was given; give image files or a data set to see what it looks at.")
    if data is None:
        notes.append(
            "No data set was given; give one to see mistakes, likely label errors, what excites"
            " each filter, and the images in two dimensions."
        )
    elif data.split in ("train", "all"):
        notes.append(
            "The network has learnt from these images, or from some of them: it agrees with their"
            " labels, right or wrong, so fewer label errors are found than there are."
        )
    if pictures:
        try:
            require_captum()
        except MissingExtraError as error:
            notes.append(f"Integrated gradients were left out: {error}.")
    return notes


def _or_none(make: Callable[[], _Made]) -> _Made | None:
    try:
        return make()
    except DesignError:
        return None
