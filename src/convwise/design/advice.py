"""Advice: what is wrong with a design that can be built, told before it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from operator import gt

from convwise.design.convolution import Convolution
from convwise.design.layer import show
from convwise.design.linearity import linear_pairs
from convwise.design.plan import Plan, Row
from convwise.design.trace import trace
from convwise.errors import OptionError
from convwise.geometry import Slide

# An object that fills less than a third of the image's shorter side is rare where one image has
# one label, so a field below that sees no object whole.
OBJECT_SHARE = 3
# Fields of good published networks reach seven or eight times the image: what a place weighs is far
# smaller than what it sees (Luo et al., Understanding the effective receptive field, 2016).
FAR_LARGER = 8
# A dense layer with more than this share of all weights is told.
DENSE_SHARE = 0.5


@dataclass(frozen=True)
class Advice:
    """A warning about one layer.

    Args:
        layer: its name in the plan.
        message: the arithmetic and a next step, worded after the name.
    """

    layer: str
    message: str


def advise(plan: Plan, object_size: int | None = None) -> tuple[Advice, ...]:
    """Return warnings about a plan; none for one with a problem, which comes first.

    Args:
        plan: a plan.
        object_size: pixels across what has to be recognised; by default a third of the image's
            shorter side.

    Raises:
        OptionError: the object has no size.

    Example:
        >>> from convwise.design.plan import plan
        >>> made = plan("conv 8 3 relu | global_avgpool | dense classes", "32x32x1", 10)
        >>> [advice.layer for advice in advise(made)]
        ['conv1']
    """
    whole = isinstance(object_size, int) and not isinstance(object_size, bool)
    if object_size is not None and not (whole and object_size >= 1):
        raise OptionError(f"object_size is {object_size!r}: use a whole number of pixels from 1")
    if plan.problem:
        return ()
    found = chain(
        _field_too_small(plan, object_size),
        _field_too_large(plan),
        _shrunk(plan),
        _unseen(plan.rows),
        _linear(plan),
        _dense(plan),
    )
    order = {row.name: place for place, row in enumerate(plan.rows)}
    return tuple(sorted(found, key=lambda advice: order[advice.layer]))


def _field_too_small(plan: Plan, object_size: int | None) -> Iterator[Advice]:
    last = _last_to_look(plan)
    if last is None or last.receptive_field is None:
        return
    wanted = object_size or min(plan.image[:2]) // OBJECT_SHARE
    seen = min(last.receptive_field)
    if seen < wanted:
        what = "the object" if object_size else "an object that fills a third of the image"
        yield Advice(
            last.name,
            f"its receptive field is {_pixels(last.receptive_field)}, less than the {wanted} of "
            f"{what}, so no feature sees it whole; add convolutions, or a stride or pooling of 2 "
            "before it",
        )


def _field_too_large(plan: Plan) -> Iterator[Advice]:
    last = _last_to_look(plan)
    if last is None or last.receptive_field is None:
        return
    side, seen = max(plan.image[:2]), max(last.receptive_field)
    if seen > FAR_LARGER * side:
        filled = next(row for row in plan.rows if max(row.receptive_field or (0,)) >= side)
        yield Advice(
            last.name,
            f"its receptive field is {_pixels(last.receptive_field)}, {seen / side:.0f} times the "
            f"{show(plan.image[:2])} image, which {filled.name} filled; use fewer layers or "
            "strides after that one, or larger images",
        )


def _last_to_look(plan: Plan) -> Row | None:
    """Return the extractor's last row that sees more than the rows before it."""
    found: Row | None = None
    for row in plan.extractor:
        looks = row.branches or row.layer.window()
        if looks and (found is None or row.receptive_field != found.receptive_field):
            found = row
    return found


def _shrunk(plan: Plan) -> Iterator[Advice]:
    rows = plan.rows
    for place, row in enumerate(rows):
        window = row.layer.window()
        if row.input_shape[:2] != (1, 1) or not isinstance(row.layer, Convolution) or not window:
            continue
        if prod(window.kernel) == 1:
            continue
        source = next((r for r in rows[:place] if r.output_shape[:2] == (1, 1)), None)
        origin = f"{source.name} has shrunk the map" if source else "the image is"
        step = f"take the stride or pooling of {source.name} away, or u" if source else "u"
        yield Advice(
            row.name,
            f"{origin} to 1×1, so {prod(window.kernel) - 1} of the {prod(window.kernel)} values of "
            f"its {show(window.kernel)} window are zeros of the padding; {step}se a larger image",
        )
        return


def _unseen(rows: Sequence[Row]) -> Iterator[Advice]:
    for row in rows:
        window = row.layer.window()
        if window is None or not any(map(gt, window.strides, window.kernel)):
            continue
        slides = window.slides(row.input_shape)
        seen = prod(_seen(*axis) for axis in zip(row.input_shape, slides, strict=False))
        yield Advice(
            row.name,
            f"its stride of {show(window.strides)} is larger than its {show(window.kernel)} "
            f"window, so {100 * (1 - seen):.0f} % of the {show(row.input_shape[:2])} values that "
            "reach it are never seen; use a stride of at most the window",
        )


def _seen(size: int, slide: Slide) -> float:
    """Return the share of an axis that undilated windows see."""
    seen = end = 0
    for place in range(slide.outputs):
        first = place * slide.stride - slide.before
        start, end = max(first, end, 0), min(first + slide.kernel, size)
        seen += max(end - start, 0)
    return seen / size


def _linear(plan: Plan) -> Iterator[Advice]:
    pairs, everywhere = linear_pairs(plan.tree)
    if not pairs:
        return
    first, second = pairs[0]
    step = f"give {first.name} an activation, such as relu"
    if everywhere:
        yield Advice(
            second.name,
            f"nothing between {first.name} and the last layer bends what passes, so all layers "
            f"together compute one weighted sum of the pixels; {step}",
        )
        return
    others = f" (and {len(pairs) - 1} more such pairs)" if len(pairs) > 1 else ""
    yield Advice(
        second.name,
        f"there is no activation between {first.name} and this layer, so the two compute what one "
        f"layer could{others}; {step}",
    )


def _dense(plan: Plan) -> Iterator[Advice]:
    largest = max(plan.rows, key=lambda row: row.params)
    if len(largest.output_shape) != 1 or largest.params <= DENSE_SHARE * plan.total_params:
        return
    height, width, channels = plan.image
    twice = trace(plan.network, (2 * height, 2 * width, channels), plan.classes)
    grown = next((step for step in twice.flat if step.name == largest.name), None)
    params = sum(weight.size for weight in grown.weights) if grown else None
    # Not 100 where another layer holds a few.
    percent = min(
        round(100 * largest.params / plan.total_params), 99 + (largest.params == plan.total_params)
    )
    share = f"holds {largest.params:,} of {plan.total_params:,} weights, {percent} %"
    if params != largest.params:
        at = f"for {show((2 * height, 2 * width))} images"
        would = f"would hold {params:,} {at}" if params else f"could not be built {at}"
        sliding = any(row.receptive_field != (1, 1) for row in plan.extractor)
        step = (
            "put global_avgpool where the map is flattened, or more pooling before it"
            if sliding
            else "put convolutions and pooling before it"
        )
        yield Advice(largest.name, f"{share}, and {would}; {step}")
    elif largest is not plan.tree[-1]:
        yield Advice(largest.name, f"{share}; give it fewer units")


def _pixels(field: tuple[int, int]) -> str:
    return f"{show(field)} pixels"
