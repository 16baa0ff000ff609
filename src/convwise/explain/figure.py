"""What a notebook shows as a picture."""

from __future__ import annotations

import base64
import html
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from convwise.explain.pictures import png

# A picture of 28 pixels is no larger than a thumbnail on a screen.
LEAST_SIDE = 224


class Figure(ABC):
    """A result that is looked at: a notebook shows it, and it can be written as a PNG file."""

    @abstractmethod
    def drawn(self) -> NDArray[np.uint8]:
        """Return it as pixels, uint8, (height, width, 1 or 3)."""

    @property
    @abstractmethod
    def caption(self) -> str:
        """What is seen, in words."""

    def png(self) -> bytes:
        """Return it as a PNG file; small pictures are enlarged, their pixels become squares."""
        return png(self.drawn(), LEAST_SIDE)

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png()).decode("ascii")
        words = html.escape(self.caption)
        return (
            f'<figure><img alt="{words}" src="data:image/png;base64,{data}">'
            f"<figcaption>{words}</figcaption></figure>"
        )
