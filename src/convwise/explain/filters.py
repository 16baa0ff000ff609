"""The filters of a network's first layer, which look at the picture itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.design.plan import Row
from convwise.errors import DesignError
from convwise.explain.figure import Figure
from convwise.explain.pictures import sheet, signed
from convwise.explain.stages import stages
from convwise.explain.subject import Explained, model_of
from convwise.model.build import ConvNet

MOST_DRAWN = 64
_COLUMNS = 8
_TILE, _GAP = 40, 6


@dataclass(frozen=True, eq=False)
class LearnedFilters(Figure):
    """Filters as their weights.

    Args:
        layer: whose they are.
        kernels: float32, (filters, rows, columns, 1 or 3).
        learnt: False where they were picked by hand.
    """

    layer: str
    kernels: NDArray[np.float32]
    learnt: bool

    def tiles(self) -> list[NDArray[np.uint8]]:
        """Return each filter as a picture, uint8, (rows, columns, 3).

        A filter of one channel: blue where it subtracts, orange where it adds, pale at 0. One of
        three channels: grey at 0, and in the colours that it answers to. Each has a scale of its
        own.
        """
        if self.kernels.shape[3] == 1:
            return [signed(kernel[:, :, 0]) for kernel in self.kernels]
        reach = np.abs(self.kernels).max(axis=(1, 2, 3), keepdims=True)
        shares = self.kernels / np.where(reach > 0, reach, 1)
        return list(np.rint(127.5 + 127.5 * shares).astype(np.uint8))

    def drawn(self) -> NDArray[np.uint8]:
        """Return a sheet of the first 64 filters, eight in a row."""
        tiles = self.tiles()[:MOST_DRAWN]
        times = max(_TILE // max(tiles[0].shape[:2]), 1)
        large = [tile.repeat(times, axis=0).repeat(times, axis=1) for tile in tiles]
        return sheet(large, _COLUMNS, _GAP)

    @property
    def caption(self) -> str:
        """How many of which size."""
        count, rows, columns = self.kernels.shape[:3]
        shown = "" if count <= MOST_DRAWN else f"the first {MOST_DRAWN} of "
        kind = "learned" if self.learnt else "hand-picked"
        return f"{self.layer}: {shown}{count} {kind} filters of {rows}×{columns}"


def learned_filters(classifier: Explained) -> LearnedFilters:
    """Return the filters of the first layer of filters, as they look at the picture.

    Args:
        classifier: a fitted Classifier or a trained model.

    Raises:
        DesignError: the network has no filters, or its first ones do not look at 1 or 3 channels.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> from convwise.model.trained import TrainedModel
        >>> network = build(plan("conv 4 3 relu | flatten | dense classes", "8x8x1", 2))
        >>> model = TrainedModel(network, ImageFormat(8, 8, 1), ("cat", "dog"))
        >>> learned_filters(model).kernels.shape
        (4, 3, 3, 1)
    """
    network = model_of(classifier).network
    found = stages(network.plan)
    if not found:
        raise DesignError("this network has no convolution, so there are no filters to show")
    row = found[0].filters
    kernels = _kernels(network, row)
    if kernels.shape[3] not in (1, 3):
        raise DesignError(
            f"its filters look at {kernels.shape[3]} channels each, which no picture shows; see"
            " what excites them most instead",
            layer=row.name,
        )
    return LearnedFilters(row.name, kernels, row.trainable_params > 0)


def _kernels(network: ConvNet, row: Row) -> NDArray[np.float32]:
    """Return (filters, rows, columns, channels that each looks at)."""
    name = next(weight.name for weight in row.weights if weight.name.endswith("kernel"))
    weights = network.state_dict()[f"{row.name}.{name}"].float().numpy()
    return np.ascontiguousarray(weights.transpose(0, 2, 3, 1))
