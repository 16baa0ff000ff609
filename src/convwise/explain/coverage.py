"""How often each pixel of the image is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.design.border import border_coverage_map
from convwise.explain.figure import Figure
from convwise.explain.pictures import coloured
from convwise.explain.subject import Explained, model_of


@dataclass(frozen=True, eq=False)
class Coverage(Figure):
    """How often each pixel of the image is looked at.

    Args:
        values: float64, (height, width), 0…1, of ``border_coverage_map``.
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
            f"How often each pixel is looked at: the corner {100 * corner:.0f} %,"
            f" the centre {100 * centre:.0f} % of the most"
        )


def coverage(classifier: Explained) -> Coverage:
    """Return how often each pixel takes part in a window, through the whole feature extractor.

    Args:
        classifier: a fitted Classifier or a trained model.

    Raises:
        DesignError: the network is too large to count.
    """
    return Coverage(border_coverage_map(model_of(classifier).network.plan))
