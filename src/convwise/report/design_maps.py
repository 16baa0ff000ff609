"""The maps of a design drawn to scale: a box for every shape, a bar for every flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from string import digits

from markupsafe import Markup

from convwise.design.layer import Shape, show
from convwise.design.plan import Plan, Row
from convwise.report.charts.svg import drawing, element
from convwise.report.wording import counted, shown

# Boxes that are still drawn; a picture of more would be wider than anyone scrolls.
MOST = 48
_DEEP, _BAR, _MISSING = 88.0, 8.0, 84.0
# The longest side of a face; where they would not stand side by side it is smaller.
_FACES, _MANY = (140.0, 104.0, 88.0), 11
# A channel goes back so far at most: one of few must not look like a cube.
_DEEPEST = 4.0
# How a channel goes back: so much to the right, so much up.
_ALONG, _UP = 0.8, 0.6
# A letter of a name and of a shape in a wide font, and the room that labels take below the boxes.
_BOLD, _LETTER, _LABELS = 9.0, 8.2, 46.0
# Boxes stand further apart where the page has room for it.
_NARROW, _WIDE, _PAGE = 14.0, 48.0, 1120.0


@dataclass(frozen=True)
class Stop:
    """A shape on the way through the network, and the rows that leave it.

    Args:
        first: name of the row that makes the shape.
        last: name of the last weighted row or block that keeps it.
        shape: (height, width, channels) or (features,).
        rows: how many weighted rows and blocks leave it.
    """

    first: str
    last: str
    shape: Shape
    rows: int = 1

    @property
    def names(self) -> str:
        """The rows' names on one line."""
        if self.rows < 2:
            return self.first
        stem = self.first.rstrip(digits)
        if stem == self.last.rstrip(digits):
            return f"{self.first}–{self.last[len(stem) :]}"
        return f"{self.first} … {self.last}"

    @property
    def words(self) -> str:
        """The stop as a sentence of a screen reader or a tooltip."""
        return f"{self.names}: {show(self.shape)}, {counted(prod(self.shape), 'value')}"


def stops(plan: Plan) -> tuple[Stop, ...]:
    """Return the image and each shape that a row of the network's own sequence changes to.

    Example:
        >>> from convwise.design.plan import plan
        >>> [show(stop.shape) for stop in stops(plan("lenet", "28x28x1", 10))]
        ['28×28×1', '28×28×6', '14×14×6', '10×10×16', '5×5×16', '400', '120', '84', '10']
    """
    found = [Stop("image", "image", plan.image)]
    for row in plan.tree:
        if row.output_shape != found[-1].shape:
            found.append(Stop(row.name, row.name, row.output_shape))
        elif _is_work(row) and found[-1].first != "image":
            found[-1] = Stop(found[-1].first, row.name, row.output_shape, found[-1].rows + 1)
    return tuple(found)


def _is_work(row: Row) -> bool:
    """Return whether the row does more than norm, activation and dropout do."""
    return bool(row.branches) or any(len(weight.shape) > 1 for weight in row.weights)


def maps_drawing(plan: Plan, picture: str, room: float = _PAGE) -> Markup:
    """Return all maps side by side.

    Faces are to one scale, channels to another, flat vectors to a third; :func:`maps_scale` tells
    them.

    Args:
        plan: whole or broken; a broken one ends in the layer that cannot be.
        picture: data URI of what stands on the face of the image.
        room: pixels that boxes are spread over, where they do not need more.
    """
    told = stops(plan)[:MOST]
    broken = plan.problem is not None and len(told) < MOST
    for face in _FACES if len(told) <= _MANY else _FACES[1:]:
        scale = _Scale.of(told, face)
        boxes = [_box(stop, scale, None if number else picture) for number, stop in enumerate(told)]
        slots = [max(box.width, _label_width(stop)) for box, stop in zip(boxes, told, strict=True)]
        slots += [_MISSING] * broken
        if sum(slots) + _NARROW * (len(slots) - 1) <= room:
            break
    gap = min(max((room - sum(slots)) / max(len(slots) - 1, 1), _NARROW), _WIDE)
    starts = [2 + sum(slots[:place]) + place * gap for place in range(len(slots))]
    parts: list[Markup] = []
    for stop, box, slot, start in zip(told, boxes, slots, starts, strict=False):
        middle = start + slot / 2
        parts.append(box.at(middle))
        parts.append(_label(stop, middle, scale.bottom))
    if plan.problem and broken:
        parts.append(_missing(plan.problem.layer, starts[-1], scale))
    said = "; ".join(stop.words for stop in told)
    return drawing(
        "design-maps",
        "The maps, to scale",
        f"From left to right: {said}.",
        (starts[-1] + slots[-1] + 2, scale.bottom + _LABELS),
        *parts,
    )


def maps_scale(plan: Plan) -> str:
    """Return the sentence that tells how sizes are drawn, and what was left out."""
    told = stops(plan)
    words = (
        "Height and width are drawn to one scale, channels (going back) to another: "
        f"the largest map is {show(_largest(told))}."
    )
    flat = [stop.shape[0] for stop in told if len(stop.shape) == 1]
    if flat:
        words += f" Bars are flat vectors, the longest of {counted(max(flat), 'value')}."
    if any(row.branches for row in plan.tree):
        words += " A block is drawn as the map that leaves it."
    if len(told) > MOST:
        words += f" The first {MOST} of {len(told)} shapes are drawn."
    return words


def _largest(told: Sequence[Stop]) -> Shape:
    return max((stop.shape for stop in told if len(stop.shape) == 3), key=prod)


@dataclass(frozen=True)
class _Scale:
    """Pixels of the page for a pixel of a map, a channel and a value of a vector."""

    side: float
    channel: float
    value: float
    centre: float
    bottom: float

    @classmethod
    def of(cls, told: Sequence[Stop], face: float) -> _Scale:
        maps = [stop.shape for stop in told if len(stop.shape) == 3]
        flat = [stop.shape[0] for stop in told if len(stop.shape) == 1]
        side = face / max(max(shape[:2]) for shape in maps)
        channel = min(_DEEP / max(shape[2] for shape in maps), _DEEPEST)
        value = face / max(flat, default=1)
        # Room above the centre line: half a face and all of its depth, for the box that needs most.
        above = max(shape[0] * side / 2 + shape[2] * channel * _UP for shape in maps)
        below = max(shape[0] * side / 2 for shape in maps)
        if flat:
            above, below = max(above, face / 2), max(below, face / 2)
        return cls(side, channel, value, above + 2, above + below + 6)


@dataclass(frozen=True)
class _Box:
    """A drawn box that begins at 0 on the left."""

    drawn: Markup
    width: float

    def at(self, middle: float) -> Markup:
        """Return it with its middle there."""
        return element("g", self.drawn, transform=f"translate({middle - self.width / 2:.1f} 0)")


def _box(stop: Stop, scale: _Scale, picture: str | None) -> _Box:
    tip = element("title", stop.words)
    if len(stop.shape) == 1:
        long = max(stop.shape[0] * scale.value, 3)
        bar = element(
            "rect", class_="vector", x=0, y=scale.centre - long / 2, width=_BAR, height=long
        )
        return _Box(element("g", tip, bar), _BAR)
    height, width = (max(side * scale.side, 2) for side in stop.shape[:2])
    depth = max(stop.shape[2] * scale.channel, 1.2)
    back, up = depth * _ALONG, depth * _UP
    top = scale.centre - height / 2
    roof = f"M0 {top:.1f}l{back:.1f} {-up:.1f}h{width:.1f}l{-back:.1f} {up:.1f}z"
    side = f"M{width:.1f} {top:.1f}l{back:.1f} {-up:.1f}v{height:.1f}l{-back:.1f} {up:.1f}z"
    face = element("rect", class_="face", x=0, y=top, width=width, height=height)
    if picture is not None:
        face = face + element(
            "image",
            href=picture,
            x=0,
            y=top,
            width=width,
            height=height,
            preserveAspectRatio="none",
            class_="pixels",
        )
    parts = (tip, element("path", class_="roof", d=roof), element("path", class_="side", d=side))
    return _Box(element("g", *parts, face), width + back)


def _label_width(stop: Stop) -> float:
    return max(len(stop.names) * _BOLD, len(show(stop.shape)) * _LETTER)


def _label(stop: Stop, centre: float, bottom: float) -> Markup:
    return element(
        "g",
        element("text", shown(stop.names), class_="axis", x=centre, y=bottom + 20),
        element("text", show(stop.shape), x=centre, y=bottom + 38),
        text_anchor="middle",
    )


def _missing(layer: str, across: float, scale: _Scale) -> Markup:
    """Return the empty box of the layer that cannot be."""
    side = 64.0
    top = scale.centre - side / 2
    return element(
        "g",
        element("title", f"{layer} cannot be"),
        element("rect", class_="missing", x=across + 10, y=top, width=side, height=side),
        element("text", "?", class_="missing-mark", x=across + 42, y=scale.centre + 9),
        element("text", layer, class_="missing-name", x=across + 42, y=scale.bottom + 20),
        element("text", "cannot be", x=across + 42, y=scale.bottom + 38),
        text_anchor="middle",
    )
