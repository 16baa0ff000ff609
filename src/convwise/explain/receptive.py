"""What one place of a map sees of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convwise.design.plan import Row
from convwise.errors import OptionError
from convwise.explain.figure import LEAST_SIDE, Figure
from convwise.explain.network import row_named
from convwise.explain.pictures import enlarged, in_colour
from convwise.explain.subject import Explained, Image, model_of, picture_of

# Stands for what lies beyond the picture.
BEYOND = 128
_FRAME = (255, 176, 0)
_DIMMED = 0.35


class Box(NamedTuple):
    """A part of a picture in pixels; it may reach beyond."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return this part of a picture, (height, width, channels); grey where nothing is."""
        made = np.full((self.height, self.width, picture.shape[2]), BEYOND, np.uint8)
        top, left = max(self.top, 0), max(self.left, 0)
        inside = picture[top : self.top + self.height, left : self.left + self.width]
        rows, columns = inside.shape[:2]
        row, column = top - self.top, left - self.left
        made[row : row + rows, column : column + columns] = inside
        return made

    def within(self, image: tuple[int, int]) -> Box:
        """Return it no longer than the picture, along each axis."""
        top, height = (0, image[0]) if self.height >= image[0] else (self.top, self.height)
        left, width = (0, image[1]) if self.width >= image[1] else (self.left, self.width)
        return Box(top, left, height, width)


def box_of(row: Row, place: tuple[int, int], image: tuple[int, int]) -> Box:
    """Return what a place of a row's map sees, as its plan has it.

    Args:
        row: of the map.
        place: (row, column) in it.
        image: (height, width): what each place sees where places do not stand for pixels.

    Example:
        >>> from convwise.design.plan import plan
        >>> made = plan("conv 8 3 | conv 8 3 2 | flatten | dense classes", "9x9x1", 2)
        >>> box_of(made.rows[1], (1, 2), (9, 9))
        Box(top=2, left=4, height=5, width=5)
    """
    if row.field is None:
        return Box(0, 0, *image)
    (top, height), (left, width) = (
        (axis.start + at * axis.stride, axis.size)
        for axis, at in zip(row.field, place, strict=True)
    )
    return Box(top, left, height, width)


@dataclass(frozen=True, eq=False)
class Seen(Figure):
    """What one place of a map sees of a picture.

    Args:
        layer: whose map it is.
        place: (row, column) in the map.
        box: in pixels of the picture.
        picture: uint8, (height, width, channels), as the model sees it.
    """

    layer: str
    place: tuple[int, int]
    box: Box
    picture: NDArray[np.uint8]

    def drawn(self) -> NDArray[np.uint8]:
        """Return the picture, dark outside of what is seen, and a frame around that."""
        times = max(LEAST_SIDE // max(self.picture.shape[:2]), 1)
        large = in_colour(enlarged(self.picture, LEAST_SIDE)).astype(np.float64)
        top, left = max(self.box.top, 0) * times, max(self.box.left, 0) * times
        bottom = max(self.box.top + self.box.height, 0) * times
        right = max(self.box.left + self.box.width, 0) * times
        made: NDArray[np.uint8] = (large * _DIMMED).astype(np.uint8)
        thick = 2 if times > 1 else 1
        made[max(top - thick, 0) : bottom + thick, max(left - thick, 0) : right + thick] = _FRAME
        made[top:bottom, left:right] = large[top:bottom, left:right].astype(np.uint8)
        return made

    @property
    def caption(self) -> str:
        """Which place sees how much."""
        height, width = self.picture.shape[:2]
        words = (
            f"Place ({self.place[0]}, {self.place[1]}) of {self.layer} sees"
            f" {self.box.height}×{self.box.width} pixels"
        )
        beyond = (
            self.box.top < 0
            or self.box.left < 0
            or self.box.top + self.box.height > height
            or self.box.left + self.box.width > width
        )
        return words + (", some of them beyond the picture" if beyond else "")


def receptive_field(
    classifier: Explained, image: Image, layer: str, place: tuple[int, int] | None = None
) -> Seen:
    """Return what one place of a layer's map sees of a picture.

    Args:
        classifier: a fitted Classifier or a trained model.
        image: uint8, (height, width) or (height, width, channels) of any size; a path; or bytes.
        layer: name of a layer that leaves a map.
        place: (row, column) of its map; None stands for the one in the middle.

    Raises:
        OptionError: there is no such layer, or no such place.
        DataError: the image cannot be used.
    """
    model = model_of(classifier)
    row = row_named(model.network.plan, layer)
    middle = (row.output_shape[0] // 2, row.output_shape[1] // 2)
    wanted = place_in(row, middle if place is None else place)
    image_format = model.image_format
    box = box_of(row, wanted, (image_format.height, image_format.width))
    return Seen(layer, wanted, box, picture_of(model, image))


def place_in(row: Row, place: tuple[int, int]) -> tuple[int, int]:
    """Return a place of a row's map.

    Raises:
        OptionError: the map has no such place.
    """
    rows, columns = row.output_shape[:2]
    if not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise OptionError(f"{row.name} leaves {rows}×{columns} places; there is no place {place}")
    return place
