"""What one place of a map sees of the image, drawn over a picture of the image's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convwise.design.layer import show
from convwise.design.plan import Plan, Row
from convwise.report.charts.svg import drawing, element

# Room around the image for fields that reach into the padding, as shares of its side.
_LEAST, _MOST = 0.07, 0.35
_SIDE = 320.0


@dataclass(frozen=True)
class Field:
    """The part of the image that the place in the middle of a row's map sees.

    Args:
        box: (left, top, width, height) in pixels of the image; it may reach outside.
        step: (across, down) pixels to what the next place sees; (0, 0) where there is none.
        words: the same in a sentence.
    """

    box: tuple[int, int, int, int]
    step: tuple[int, int]
    words: str

    @property
    def place(self) -> str:
        """Box and step as numbers parted by spaces, for the page's script."""
        return " ".join(str(number) for number in (*self.box, *self.step))


def field_of(row: Row, image: tuple[int, int, int]) -> Field:
    """Return what the place in the middle of a row's map sees.

    Args:
        row: of a plan.
        image: (height, width, channels) of the plan.

    Example:
        >>> from convwise.design.plan import plan
        >>> lenet = plan("lenet", "28x28x1", 10)
        >>> field_of(lenet.rows[1], lenet.image).box
        (12, 12, 6, 6)
    """
    height, width, _ = image
    if row.field is None or len(row.output_shape) != 3:
        return Field((0, 0, width, height), (0, 0), f"{row.name}: each value sees the whole image.")
    places = [row.output_shape[0] // 2, row.output_shape[1] // 2]
    down, along = row.field
    top, left = (
        axis.start + place * axis.stride for axis, place in zip((down, along), places, strict=True)
    )
    size = (down.size, along.size)
    words = f"{row.name}: the place in the middle sees {show(size)} pixels"
    if size[0] >= height and size[1] >= width:
        words += ", the whole image and beyond" if size != (height, width) else ", the whole image"
    step = (along.stride, down.stride)
    if max(row.output_shape[:2]) > 1:
        apart = show((down.stride, along.stride)) if step[0] != step[1] else str(step[0])
        words += f"; its neighbours look {apart} {'pixel' if apart == '1' else 'pixels'} further"
    else:
        step = (0, 0)
    return Field((left, top, along.size, down.size), step, words + ".")


def last_map(plan: Plan) -> Row | None:
    """Return the last row of the network's own sequence that leaves a map with a finite field."""
    kept = [row for row in plan.tree if row.field is not None and len(row.output_shape) == 3]
    return kept[-1] if kept else None


def field_drawing(
    chosen: Field,
    fields: Sequence[Field],
    image: tuple[int, int, int],
    picture: str,
    shows: str,
) -> Markup:
    """Return the picture with one field on it; the page's script moves it to others.

    Args:
        chosen: drawn now.
        fields: all that may be drawn; they settle how much is shown around the image.
        image: (height, width, channels).
        picture: data URI of an image of these proportions.
        shows: what is seen in it.
    """
    height, width, _ = image
    across = _margin(width, [(field.box[0], field.box[2]) for field in fields])
    down = _margin(height, [(field.box[1], field.box[3]) for field in fields])
    left, top, wide, high = -across, -down, width + 2 * across, height + 2 * down
    zoom = _SIDE / max(wide, high)
    frame = element("rect", class_="outside", x=left, y=top, width=wide, height=high)
    shown = element(
        "image",
        href=picture,
        x=0,
        y=0,
        width=width,
        height=height,
        preserveAspectRatio="none",
        class_="pixels" if max(height, width) <= 96 else None,
    )
    inside = element(
        "svg",
        frame,
        shown,
        element("path", class_="dimmed", d=_around((left, top, wide, high), chosen)),
        _rectangle("next", chosen, chosen.step, (left, top, wide, high)),
        _rectangle("seen", chosen, (0, 0), (left, top, wide, high)),
        viewBox=f"{left:g} {top:g} {wide:g} {high:g}",
        width=wide * zoom,
        height=high * zoom,
        data_frame=f"{left:g} {top:g} {wide:g} {high:g}",
    )
    return drawing(
        "design-field",
        "What one place sees",
        f"A picture of {show(image[:2])} pixels: {shows}. {chosen.words}",
        (wide * zoom, high * zoom),
        inside,
    )


def _margin(side: int, reaches: Sequence[tuple[int, int]]) -> float:
    """Return the room before and after an axis that lets most fields be seen whole."""
    beyond = max((max(-start, start + size - side) for start, size in reaches), default=0)
    return min(max(beyond * 1.08, side * _LEAST), side * _MOST)


_Frame = tuple[float, float, float, float]
"""(left, top, width, height) of all that is drawn, in pixels of the image."""


def _around(frame: _Frame, field: Field) -> str:
    left, top, wide, high = frame
    x, y, width, height = field.box
    return f"M{left:g} {top:g}h{wide:g}v{high:g}h{-wide:g}zM{x} {y}v{height}h{width}v{-height}z"


def _rectangle(class_: str, field: Field, step: tuple[int, int], frame: _Frame) -> Markup:
    """Return the outline of what a place sees; beyond the frame it runs along its edge."""
    x, width = _kept(field.box[0] + step[0], field.box[2], frame[0], frame[2])
    y, height = _kept(field.box[1] + step[1], field.box[3], frame[1], frame[3])
    return element(
        "rect",
        class_=class_,
        x=x,
        y=y,
        width=width,
        height=height,
        vector_effect="non-scaling-stroke",
    )


def _kept(start: float, size: float, low: float, room: float) -> tuple[float, float]:
    begin, end = max(start, low), min(start + size, low + room)
    return begin, max(end - begin, 0)
