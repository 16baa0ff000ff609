"""Max against average pooling: both of one map, side by side."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.design.plan import Plan, Row
from convwise.design.pooling import AveragePooling2D, MaxPooling2D, Pooling
from convwise.errors import DesignError, OptionError
from convwise.explain.feature_maps import feature_maps
from convwise.explain.figure import Figure
from convwise.explain.network import as_designed, row_named
from convwise.explain.pictures import levels, sheet
from convwise.explain.stages import stages
from convwise.explain.subject import Explained, Image, model_of, picture_of
from convwise.model.lower import lower
from convwise.model.trained import TrainedModel

_GAP = 4


@dataclass(frozen=True, eq=False)
class BothPoolings(Figure):
    """One map, and what max- and average-pooling make of it.

    Args:
        of: which map it is, in words.
        pooling: the pooling layer, or None where the network has none and 2×2 is tried.
        uses: ``max`` or ``average``, as the network has it; None where it has no pooling.
        size: (rows, columns) of the regions.
        maps: float32, (channels, rows, columns).
        largest: float32, (channels, rows', columns'), by max-pooling.
        mean: likewise, by average-pooling.
    """

    of: str
    pooling: str | None
    uses: str | None
    size: tuple[int, int]
    maps: NDArray[np.float32]
    largest: NDArray[np.float32]
    mean: NDArray[np.float32]

    @property
    def channel(self) -> int:
        """The channel whose map varies most; it is drawn."""
        return int(self.maps.std(axis=(1, 2)).argmax())

    def tiles(self) -> tuple[NDArray[np.uint8], ...]:
        """Return the channel that is drawn: its map, its maxima and its means, of one scale.

        uint8, (rows, columns, 1) each, in the sizes that they have.
        """
        three = [each[self.channel] for each in (self.maps, self.largest, self.mean)]
        together = levels(np.concatenate([each.reshape(1, -1) for each in three], axis=1))[0]
        cuts = np.cumsum([each.size for each in three])[:-1]
        parts = np.split(together, cuts)
        return tuple(part.reshape(*each.shape, 1) for part, each in zip(parts, three, strict=True))

    def drawn(self) -> NDArray[np.uint8]:
        """Return map, maxima and means side by side, all as large as the map."""
        rows, columns = self.maps.shape[1:]
        tiles = [_stretched(tile, rows, columns) for tile in self.tiles()]
        return sheet(tiles, 3, _GAP)

    @property
    def caption(self) -> str:
        """Which map, and which pooling the network has."""
        size = f"{self.size[0]}×{self.size[1]}"
        words = f"A map of {self.of}, its largest values and its means in regions of {size}"
        if self.pooling is None:
            return words + "; this network does not pool"
        return words + f"; {self.pooling} takes the {self.uses}"


def both_poolings(classifier: Explained, image: Image, layer: str | None = None) -> BothPoolings:
    """Pool one map by its maxima and by its means.

    Args:
        classifier: a fitted Classifier or a trained model.
        image: uint8, (height, width) or (height, width, channels) of any size; a path; or bytes.
        layer: a pooling layer, whose input is pooled in both ways; None stands for the first one.
            Where the network has none, its first filters' map is pooled in regions of 2×2.

    Raises:
        DesignError: the network has no map that can be pooled.
        OptionError: the layer is no pooling layer.
        DataError: the image cannot be used.

    Example:
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> from convwise.design.plan import plan
        >>> network = build(plan("maxpool 2 | flatten | dense classes", "4x4x1", 2))
        >>> model = TrainedModel(network, ImageFormat(4, 4, 1), ("cat", "dog"))
        >>> picture = np.zeros((4, 4), np.uint8); picture[0, 0] = 255
        >>> both = both_poolings(model, picture)
        >>> float(both.largest[0, 0, 0]), float(both.mean[0, 0, 0])
        (1.0, 0.25)
    """
    model = model_of(classifier)
    row = _pooling(model.network.plan, layer)
    if row is None:
        return _tried(model, picture_of(model, image))
    kind = row.layer
    if not isinstance(kind, MaxPooling2D | AveragePooling2D):
        raise OptionError(f"{row.name} is no pooling layer; name a maxpool or an avgpool")
    maps = _entering(model, picture_of(model, image), row.name)
    return _both(
        kind,
        row,
        maps,
        of=f"what enters {row.name}",
        pooling=row.name,
        uses="max" if isinstance(kind, MaxPooling2D) else "average",
    )


def _pooling(plan: Plan, layer: str | None) -> Row | None:
    if layer is not None:
        return row_named(plan, layer)
    return next((row for row in plan.rows if isinstance(row.layer, Pooling)), None)


def _tried(model: TrainedModel, picture: NDArray[np.uint8]) -> BothPoolings:
    found = stages(model.network.plan)
    if not found or min(found[0].output.output_shape[:2]) < 2:
        raise DesignError("no layer leaves a map of 2×2 places or more, so there is none to pool")
    output = found[0].output
    row = dataclasses.replace(output, input_shape=output.output_shape)
    maps = feature_maps(model, picture, output.name)
    return _both(MaxPooling2D(2), row, maps, of=f"what leaves {output.name}")


def _both(
    kind: MaxPooling2D | AveragePooling2D,
    row: Row,
    maps: NDArray[np.float32],
    *,
    of: str,
    pooling: str | None = None,
    uses: str | None = None,
) -> BothPoolings:
    given = (kind.pool_size, kind.strides, kind.padding)
    largest, mean = (
        _pooled(dataclasses.replace(row, layer=each), maps)
        for each in (MaxPooling2D(*given), AveragePooling2D(*given))
    )
    return BothPoolings(of, pooling, uses, kind.window().kernel, maps, largest, mean)


def _pooled(row: Row, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        made: NDArray[np.float32] = lower(row).eval()(torch.from_numpy(maps)[None])[0].numpy()
    return made


def _entering(model: TrainedModel, picture: NDArray[np.uint8], layer: str) -> NDArray[np.float32]:
    """Return what enters a layer for a picture, float32, (channels, rows, columns)."""
    network = as_designed(model.network)
    found: list[torch.Tensor] = []
    network.get_submodule(layer).register_forward_pre_hook(
        lambda module, given: found.append(given[0])
    )
    with torch.inference_mode():
        network(to_input(picture[np.newaxis], model.image_format))
    maps: NDArray[np.float32] = np.ascontiguousarray(found[0][0].float().numpy())
    return maps


def _stretched(tile: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Return a tile in another size, each of its values a rectangle."""
    down = np.arange(rows) * tile.shape[0] // rows
    along = np.arange(columns) * tile.shape[1] // columns
    made: NDArray[np.uint8] = tile[down][:, along]
    return made
