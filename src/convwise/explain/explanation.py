"""A whole explanation of a model: its filters, some pictures, and a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convwise.data.store import PixelStore
from convwise.errors import DesignError, MissingExtraError
from convwise.explain.class_map import last_map
from convwise.explain.coverage import Coverage, coverage
from convwise.explain.figure import Figure
from convwise.explain.filters import LearnedFilters, learned_filters
from convwise.explain.gradients import require_captum
from convwise.explain.in_data import DataExplanation, OnStep, explain_data
from convwise.explain.network import has_maps, row_named
from convwise.explain.one_picture import ExplainedPicture, explain_picture
from convwise.explain.pooling import BothPoolings, both_poolings
from convwise.explain.receptive import place_in
from convwise.explain.sources import LoadedSplit
from convwise.explain.strongest import StrongestInputs, strongest_inputs
from convwise.explain.subject import class_index
from convwise.model.trained import TrainedModel

PICTURES = 6
# Operations spent on images whose patches may excite a filter.
PATCH_FLOPS = 5 * 10**11
FEWEST_FOR_PATCHES, MOST_FOR_PATCHES = 32, 4_000
_Made = TypeVar("_Made")


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
    place: tuple[int, int] | None = None,
    pictures: int = PICTURES,
    on_step: OnStep = lambda words: None,
) -> Explanation:
    """Explain a model.

    Args:
        model: that is explained.
        images: names and pixels, uint8 (height, width, channels) of the model's format.
        data: of :func:`convwise.explain.sources.load_split`, or None.
        target: place or name of the class to explain; None stands for each picture's prediction.
        layer: whose maps make the class maps; None stands for the last one.
        place: (row, column) of these maps, whose receptive field is drawn; None: see
            :func:`explain_picture`.
        pictures: how many images of the data to explain one by one, mistakes among them.
        on_step: told what is done next.

    Raises:
        OptionError: there is no such class, layer or place.
    """
    _require(model, target, layer, place)
    in_data = None if data is None else explain_data(model, data, on_step=on_step)
    chosen: list[_Chosen] = [(name, pixels, None) for name, pixels in images]
    if in_data is not None:
        chosen += _some_of(in_data, pictures)
    explained = []
    for number, (name, pixels, label) in enumerate(chosen, start=1):
        on_step(f"explaining picture {number} of {len(chosen)}")
        explained.append(
            explain_picture(
                model, pixels, name=name, label=label, target=target, layer=layer, place=place
            )
        )
    on_step("looking for what excites each filter")
    return Explanation(
        model=model,
        filters=_or_none(lambda: learned_filters(model)),
        strongest=() if in_data is None else strongest_inputs(model, _for_patches(model, in_data)),
        pictures=tuple(explained),
        poolings=_or_none(lambda: both_poolings(model, chosen[0][1])) if chosen else None,
        coverage=_or_none(lambda: coverage(model)) if has_maps(model.network.plan) else None,
        data=in_data,
        notes=tuple(_notes(model, bool(chosen), in_data)),
    )


def _require(
    model: TrainedModel,
    target: int | str | None,
    layer: str | None,
    place: tuple[int, int] | None,
) -> None:
    """Find wrong words before what takes time, not after it."""
    plan = model.network.plan
    if target is not None:
        class_index(model, target)
    if layer is not None or (place is not None and has_maps(plan)):
        row = last_map(plan) if layer is None else row_named(plan, layer)
        if place is not None:
            place_in(row, place)


_Chosen = tuple[str, NDArray[np.uint8], str | None]
"""Name, pixels and class of a picture."""


def _some_of(data: DataExplanation, count: int) -> list[_Chosen]:
    """Return some images of the data: the surest mistakes, then right answers of many classes."""
    wrong = [mistake.image for mistake in data.mistakes[: count // 2]]
    images = [*wrong, *_right(data, count - len(wrong))]
    return [
        (data.store.ids[image], data.picture(image), data.classes[data.store.labels[image]])
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
    if not has_maps(model.network.plan):
        notes.append(
            "No layer of this network leaves a map of more than 1×1 places, so class maps, feature"
            " maps, receptive fields and border coverage do not apply; occlusion and integrated"
            " gradients take any network."
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
