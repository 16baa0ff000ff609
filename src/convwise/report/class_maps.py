"""What in a mistaken image spoke for the wrong class, and what for the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from convwise.errors import DesignError
from convwise.report.run_folder import Prediction

if TYPE_CHECKING:
    from convwise.model.trained import TrainedModel

# Two maps take about six forward passes; so many operations keep them to some seconds.
MOST_FLOPS = 300_000_000_000
PASSES = 6
FEWEST = 6


@dataclass(frozen=True)
class ClassMaps:
    """Two class maps of one image, each float32 (height, width) in 0…1.

    Args:
        predicted: what speaks for the class that the network named.
        label: what speaks for the class of the label.
        layer: whose maps were weighed.
    """

    predicted: npt.NDArray[np.float32]
    label: npt.NDArray[np.float32]
    layer: str


def class_maps(
    model: TrainedModel,
    mistakes: Sequence[Prediction],
    pictures: Mapping[str, npt.NDArray[np.uint8]],
) -> dict[str, ClassMaps]:
    """Return the class maps (Grad-CAM) of mistakes, of fewer where the network takes long.

    Args:
        model: that made them.
        mistakes: in order of importance.
        pictures: uint8 (height, width, channels) in the model's format, per id.

    Returns:
        Per id; empty for a network that leaves no map to look at.
    """
    # torch takes seconds to import, and a report of a folder alone needs none.
    from convwise.explain.class_map import grad_cam

    affordable = MOST_FLOPS // (PASSES * max(model.network.plan.total_flops, 1))
    found: dict[str, ClassMaps] = {}
    for mistake in mistakes[: max(affordable, FEWEST)]:
        pixels = pictures.get(mistake.id)
        if pixels is None:
            continue
        try:
            said = grad_cam(model, pixels, mistake.predicted)
            meant = grad_cam(model, pixels, mistake.label)
        except DesignError:
            return {}
        found[mistake.id] = ClassMaps(said.values, meant.values, said.layer)
    return found
