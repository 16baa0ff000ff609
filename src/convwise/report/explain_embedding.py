"""A data set in two dimensions as a drawing of thumbnails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from convwise.explain.embedding import Embedding
from convwise.explain.in_data import DataExplanation
from convwise.report.charts.svg import drawing, element
from convwise.report.explain_pictures import photo
from convwise.report.wording import count, counted, shown

_WIDE, _HIGH, _TILE = 1040.0, 760.0, 26.0


@dataclass(frozen=True)
class ClassKey:
    """A class of the drawing, by which its images are shown alone."""

    place: int
    name: str
    images: str


@dataclass(frozen=True)
class Layout:
    """The section of a data set in two dimensions."""

    lead: str
    chart: Markup
    classes: tuple[ClassKey, ...]


def layout(data: DataExplanation) -> Layout | None:
    """Return the drawing, or None where there is no layout."""
    found = data.embedding
    if found is None:
        return None
    of = f" of {count(len(data.store))}" if len(found.images) < len(data.store) else ""
    lead = (
        f"{count(len(found.images))}{of} images. Those that the network finds alike lie near each"
        " other; distances between groups, and directions, have no meaning. Framed images are"
        " mistakes."
    )
    numbers = [int((found.labels == place).sum()) for place in range(len(data.classes))]
    keys = tuple(
        ClassKey(place, shown(data.classes[place]), count(number))
        for place, number in enumerate(numbers)
        if number
    )
    return Layout(lead, _chart(found, data), keys)


def _chart(found: Embedding, data: DataExplanation) -> Markup:
    mistaken = found.labels != found.predicted
    # What is drawn last lies on top: the mistakes.
    order = np.argsort(mistaken, kind="stable").tolist()
    points = [_point(found, data, place) for place in order]
    wrong = int(mistaken.sum())
    return drawing(
        "embedding",
        "The images in two dimensions",
        f"{counted(len(points), 'thumbnail')}, each near those that the network finds like it;"
        f" {counted(wrong, 'mistake')} among them.",
        (_WIDE, _HIGH),
        *points,
    )


def _point(found: Embedding, data: DataExplanation, place: int) -> Markup:
    x = float(found.places[place, 0]) * (_WIDE - _TILE)
    y = float(found.places[place, 1]) * (_HIGH - _TILE)
    label, predicted = int(found.labels[place]), int(found.predicted[place])
    words = shown(data.classes[label])
    if label != predicted:
        words += f", taken for {shown(data.classes[predicted])}"
    name = shown(data.store.ids[int(found.images[place])])
    picture = photo(found.thumbnails[place], words, int(_TILE) + 2)
    image = element(
        "image",
        element("title", f"{words}: {name}"),
        href=picture.uri,
        x=round(x, 1),
        y=round(y, 1),
        width=_TILE,
        height=_TILE,
    )
    frame = element("rect", x=round(x, 1), y=round(y, 1), width=_TILE, height=_TILE, class_="frame")
    kind = "point wrong" if label != predicted else "point"
    return element("g", image, frame, class_=kind, data_class=str(label))
