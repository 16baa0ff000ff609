"""The images behind the cells of the confusion matrix."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from convwise.report.confusion import MOST_DRAWN
from convwise.report.pictures import PIXELATED_SIDE, is_pixelated, picture_data_uri
from convwise.report.run_folder import Prediction
from convwise.report.wording import count, percent, shown

MISTAKES_PER_CELL = 24
HITS_PER_CELL = 12
MOST_PICTURES = 1_000
# A page that is sent by mail has to end somewhere.
MOST_BYTES = 3_000_000

Place = tuple[int, int]


def by_cell(
    predictions: Sequence[Prediction], names: Sequence[str]
) -> dict[Place, list[Prediction]]:
    """Return the predictions of each cell, the most telling first.

    A mistake tells the more the surer it was, a right answer the less sure.

    Args:
        predictions: lines of predictions.csv.
        names: the classes, in the order of the matrix.

    Example:
        >>> lines = [Prediction("a", "cat", "dog", 0.6), Prediction("b", "cat", "dog", 0.9)]
        >>> [one.id for one in by_cell(lines, ["cat", "dog"])[0, 1]]
        ['b', 'a']
    """
    place = {name: index for index, name in enumerate(names)}
    cells: defaultdict[Place, list[Prediction]] = defaultdict(list)
    for one in predictions:
        if one.label in place and one.predicted in place and math.isfinite(one.probability):
            cells[place[one.label], place[one.predicted]].append(one)
    for (row, column), found in cells.items():
        sign = 1 if row == column else -1
        found.sort(key=lambda one: (sign * one.probability, one.id))
    return dict(cells)


def wanted(cells: Mapping[Place, Sequence[Prediction]], classes: int) -> list[tuple[Place, str]]:
    """Return which images the page shows, as (cell, id), each cell's most telling one first.

    Mistakes come before right answers, and no cell gets its second image before all have their
    first, so that whatever has to be left out is what tells least.

    Args:
        cells: see :func:`by_cell`.
        classes: of the matrix; none is shown where it is too large to be drawn.
    """
    if classes > MOST_DRAWN:
        return []
    ranked = [
        (place[0] == place[1], rank, place, one.id)
        for place, found in cells.items()
        for rank, one in enumerate(found[: _most_of(place)])
    ]
    return [(place, name) for _, _, place, name in sorted(ranked)[:MOST_PICTURES]]


def cell_images(
    cells: Mapping[Place, Sequence[Prediction]],
    classes: int,
    pictures: Mapping[str, npt.NDArray[np.uint8]],
) -> Markup | None:
    """Return the images of all cells as JSON that may stand in a script element, or None.

    The keys are ``row,column``; each value has ``lead``, a sentence, and ``images`` with ``src``,
    ``name``, ``sure`` (a share in words) and ``pixels``.

    Args:
        cells: see :func:`by_cell`.
        classes: of the matrix.
        pictures: uint8 (height, width, channels) per id.

    Raises:
        DataError: a picture is of another kind.
    """
    given: defaultdict[Place, list[dict[str, object]]] = defaultdict(list)
    sure = {one.id: one.probability for found in cells.values() for one in found}
    room = MOST_BYTES
    for place, name in wanted(cells, classes):
        pixels = pictures.get(name)
        if pixels is None:
            continue
        source = picture_data_uri(pixels, PIXELATED_SIDE)
        room -= len(source)
        if room < 0:
            break
        given[place].append(
            {
                "src": source,
                "name": shown(name),
                "sure": percent(sure[name]),
                "pixels": is_pixelated(pixels),
            }
        )
    if not given:
        return None
    table = {
        f"{row},{column}": {
            "lead": _lead(len(images), len(cells[row, column]), right=row == column),
            "images": images,
        }
        for (row, column), images in given.items()
    }
    # "<" could end the element that the JSON stands in.
    return Markup(json.dumps(table, ensure_ascii=False).replace("<", "\\u003c"))


def _most_of(place: Place) -> int:
    return HITS_PER_CELL if place[0] == place[1] else MISTAKES_PER_CELL


def _lead(given: int, of: int, *, right: bool) -> str:
    if right:
        if given == of:
            return "All of them, the least sure first:" if of > 1 else "The image:"
        return f"The {count(given)} least sure of them:"
    if given == of:
        return "All of them, the surest first:" if of > 1 else "The image:"
    return f"The {count(given)} surest of them:"
