"""How much each pixel of a picture speaks for a class, or against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.explain.figure import Figure
from convwise.explain.pictures import signed_over


@dataclass(frozen=True, eq=False)
class Attribution(Figure):
    """How much each pixel speaks for a class.

    Args:
        values: float32, (model height, model width), in units of the class's logit; negative where
            a pixel speaks against it.
        target: place of the class.
        label: its name.
        method: ``occlusion`` or ``integrated gradients``.
        picture: uint8, (model height, model width, channels), as the model sees it.
    """

    values: NDArray[np.float32]
    target: int
    label: str
    method: str
    picture: NDArray[np.uint8]

    def drawn(self) -> NDArray[np.uint8]:
        """Return the picture in grey, orange where it speaks for the class, blue where against."""
        return signed_over(self.picture, self.values)

    @property
    def caption(self) -> str:
        """Class and method."""
        return f"What speaks for (orange) and against (blue) {self.label}, by {self.method}"
