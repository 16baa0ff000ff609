"""What excites a filter most: the patches of a data set that it answers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.data.store import PixelStore
from convwise.evaluation.predict import batch_size_for
from convwise.explain.figure import Figure
from convwise.explain.network import as_designed, kept_outputs
from convwise.explain.pictures import in_colour, sheet
from convwise.explain.receptive import Box, box_of
from convwise.explain.stages import Stage, some_stages
from convwise.explain.subject import Explained, model_of

STAGES, CHANNELS, EACH = 6, 16, 9
_TILE, _GAP = 48, 4


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of a picture that a filter answers to.

    Args:
        image: which of the pictures.
        place: (row, column) of the layer's map.
        value: the filter's answer there.
        box: what the place sees, as much as is drawn of it.
        pixels: uint8, (height, width, channels): the box, grey beyond the picture.
    """

    image: int
    place: tuple[int, int]
    value: float
    box: Box
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class StrongestInputs(Figure):
    """For filters of one layer, the patches that excite them most.

    Args:
        layer: of the filters.
        behind: the row whose map was looked at: the layer, or what normalises and activates it.
        channels: numbers of the filters that are shown; silent ones are not.
        patches: for each of these, the strongest first, one a picture.
        seen: rows and columns that a place of the map sees, in pixels.
        silent: numbers of all filters of the layer that gave one and the same answer everywhere.
        filters: how many filters the layer has.
        images: how many pictures were looked at.
    """

    layer: str
    behind: str
    channels: tuple[int, ...]
    patches: tuple[tuple[Patch, ...], ...]
    seen: tuple[int, int]
    silent: tuple[int, ...]
    filters: int
    images: int

    def rows(self) -> list[NDArray[np.uint8]]:
        """Return for each filter a strip of its patches."""
        return [_strip(patches) for patches in self.patches]

    def drawn(self) -> NDArray[np.uint8]:
        """Return a sheet: a row for each filter, the strongest patch first."""
        strips = self.rows()
        if not strips:
            return np.full((_TILE, _TILE, 3), 255, np.uint8)
        return sheet(_equal(strips), 1, _GAP)

    @property
    def caption(self) -> str:
        """What was looked for, and in how many pictures."""
        words = (
            f"{self.layer}: {len(self.channels)} of {self.filters} filters, each with the patches"
            f" of {self.images:,} pictures that it answers to most"
        )
        if not self.silent:
            return words
        if len(self.silent) == 1:
            return words + "; 1 filter never answers"
        return words + f"; {len(self.silent)} filters never answer"


def strongest_inputs(
    classifier: Explained,
    images: PixelStore | NDArray[np.uint8],
    *,
    most_stages: int = STAGES,
    channels: int = CHANNELS,
    each: int = EACH,
) -> tuple[StrongestInputs, ...]:
    """Find the patches of pictures that excite filters most, each from another picture.

    A patch is the part of the picture that the place of the strongest answer sees: its receptive
    field, cut where it is larger than the picture.

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks (2014), figure
    2, whose patches these are.

    Args:
        classifier: a fitted Classifier or a trained model.
        images: in the model's format.
        most_stages: layers of filters to look at; of more, the first, the last and some between.
        channels: filters of a layer to show, evenly chosen among those that answer at all.
        each: patches of a filter.

    Returns:
        One for each layer, in order of execution; none for a network without convolutions.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> from convwise.model.trained import TrainedModel
        >>> network = build(plan("conv 4 3 relu | flatten | dense classes", "8x8x1", 2))
        >>> model = TrainedModel(network, ImageFormat(8, 8, 1), ("cat", "dog"))
        >>> pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
        >>> strongest_inputs(model, pixels)[0].patches[0][0].pixels.shape
        (3, 3, 1)
    """
    model = model_of(classifier)
    chosen = some_stages(model.network.plan, most_stages)
    if not chosen or not len(images):
        return ()
    searches = {stage.output.name: _Search(stage, each) for stage in chosen}
    network = as_designed(model.network)
    step = batch_size_for(model.network.plan)
    with torch.inference_mode(), kept_outputs(network, list(searches)) as found:
        for start in range(0, len(images), step):
            network(to_input(_taken(images, slice(start, start + step)), model.image_format))
            for name, search in searches.items():
                search.look_at(found[name].float().numpy(), start)
    return tuple(search.result(images, channels) for search in searches.values())


@dataclass
class _Search:
    """The strongest answers so far of a layer's filters, (kept, filters), the strongest first."""

    stage: Stage
    each: int
    values: NDArray[np.float32] = field(init=False)
    images: NDArray[np.int64] = field(init=False)
    places: NDArray[np.int64] = field(init=False)
    least: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.filters = self.stage.output.output_shape[2]
        self.values = np.empty((0, self.filters), np.float32)
        self.images = np.empty((0, self.filters), np.int64)
        self.places = np.empty((0, self.filters), np.int64)
        self.least = np.full(self.filters, np.inf, np.float32)

    def look_at(self, maps: NDArray[np.float32], first: int) -> None:
        """Take in the maps of a batch, (batch, filters, rows, columns)."""
        flat = maps.reshape(len(maps), self.filters, -1)
        places = flat.argmax(axis=2)
        values = np.take_along_axis(flat, places[:, :, None], axis=2)[:, :, 0]
        images = np.broadcast_to(np.arange(first, first + len(maps))[:, None], values.shape)
        self.least = np.minimum(self.least, flat.min(axis=(0, 2)))
        values = np.concatenate([self.values, values])
        # Stable: of equal answers, the first picture's comes first.
        order = np.argsort(-values, axis=0, kind="stable")[: self.each]
        self.values = np.take_along_axis(values, order, axis=0)
        self.images = np.take_along_axis(np.concatenate([self.images, images]), order, axis=0)
        self.places = np.take_along_axis(np.concatenate([self.places, places]), order, axis=0)

    def result(self, images: PixelStore | NDArray[np.uint8], most: int) -> StrongestInputs:
        silent = np.flatnonzero(self.values[0] == self.least)
        answering = np.flatnonzero(self.values[0] != self.least)
        count = min(most, len(answering))
        places = np.linspace(0, len(answering) - 1, count).round().astype(int)
        chosen = answering[places].tolist()
        row = self.stage.output
        size = images.shape[:2] if isinstance(images, PixelStore) else images.shape[1:3]
        box = box_of(row, (0, 0), (size[0], size[1]))
        return StrongestInputs(
            layer=self.stage.filters.name,
            behind=row.name,
            channels=tuple(chosen),
            patches=tuple(self._patches(images, channel, (size[0], size[1])) for channel in chosen),
            seen=(box.height, box.width),
            silent=tuple(silent.tolist()),
            filters=self.filters,
            images=len(images),
        )

    def _patches(
        self, images: PixelStore | NDArray[np.uint8], channel: int, size: tuple[int, int]
    ) -> tuple[Patch, ...]:
        columns = self.stage.output.output_shape[1]
        found = []
        for value, image, flat in zip(
            self.values[:, channel].tolist(),
            self.images[:, channel].tolist(),
            self.places[:, channel].tolist(),
            strict=True,
        ):
            place = divmod(flat, columns)
            box = box_of(self.stage.output, place, size).within(size)
            picture = _taken(images, slice(image, image + 1))[0]
            found.append(Patch(image, place, value, box, box.cut(picture)))
        return tuple(found)


def _taken(images: PixelStore | NDArray[np.uint8], block: slice) -> NDArray[np.uint8]:
    return images.take(block) if isinstance(images, PixelStore) else images[block]


def _strip(patches: Sequence[Patch]) -> NDArray[np.uint8]:
    times = max(_TILE // max(patches[0].pixels.shape[:2]), 1)
    large = [
        in_colour(patch.pixels).repeat(times, axis=0).repeat(times, axis=1) for patch in patches
    ]
    return sheet(large, len(large), _GAP // 2)


def _equal(strips: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return strips of one width: a filter may have fewer patches than another."""
    width = max(strip.shape[1] for strip in strips)
    return [
        np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=255)
        for strip in strips
    ]
