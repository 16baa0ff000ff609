"""What it costs when the object does not lie where it lay in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from convwise.report.charts.shift import shift_curves
from convwise.report.facts import Fact
from convwise.report.fields import Json, mapping, number
from convwise.report.pictures import is_pixelated, picture_data_uri
from convwise.report.scores import Scores, Shifted
from convwise.report.wording import counted, percent, points

# In pixels: the shift whose cost is told in words.
TOLD_SHIFT = 3
MOST_MOVED = 6


@dataclass(frozen=True)
class Moved:
    """An image moved down and to the right: a data URI, and by how much in words."""

    picture: str
    words: str


@dataclass(frozen=True)
class Shift:
    """A sentence, a chart, facts beside it, the numbers behind it, and an image as it moves."""

    summary: str
    chart: Markup
    facts: tuple[Fact, ...]
    rows: tuple[tuple[str, ...], ...]
    moved: tuple[Moved, ...]
    pixelated: bool


def shift(scores: Scores, run: Json, picture: npt.NDArray[np.uint8] | None) -> Shift | None:
    """Return the section, or None where shifts were not measured.

    Args:
        scores: of the split that the page is about.
        run: the content of run.json.
        picture: uint8 (height, width, channels), an image in the network's own size.
    """
    steps = scores.shift
    if not steps:
        return None
    chart = shift_curves(
        [one.offset for one in steps],
        [one.accuracy for one in steps],
        [one.consistency for one in steps],
    )
    return Shift(
        summary=_summary(steps),
        chart=chart,
        facts=_facts(scores, run),
        rows=tuple(_row(one, steps) for one in steps),
        moved=() if picture is None else _moved(steps, run, picture),
        pixelated=picture is not None and is_pixelated(picture),
    )


def shift_cost(steps: Sequence[Shifted]) -> tuple[float, float] | None:
    """Return (pixels, loss of accuracy 0…1) of a shift of 3 pixels, or of the farthest measured.

    Example:
        >>> shift_cost((Shifted(0, 0.75, 1.0), Shifted(3, 0.5, 0.5), Shifted(4, 0.25, 0.5)))
        (3, 0.25)
    """
    still = _unmoved(steps)
    offsets = {abs(one.offset) for one in steps}
    far = TOLD_SHIFT if TOLD_SHIFT in offsets else max(offsets, default=0)
    if still is None or not far:
        return None
    moved = [one.accuracy for one in steps if abs(one.offset) == far]
    return (far, still - sum(moved) / len(moved))


def _unmoved(steps: Sequence[Shifted]) -> float | None:
    return next((one.accuracy for one in steps if one.offset == 0), None)


def _summary(steps: Sequence[Shifted]) -> str:
    found, still = shift_cost(steps), _unmoved(steps)
    if found is None or still is None:
        return "Accuracy when the object does not lie where it lay in training."
    far, cost = found
    moved = [one for one in steps if abs(one.offset) == far]
    shifted = f"A shift of {counted(far, 'pixel')}"
    if cost < 0.0005:
        said = f"{shifted} costs nothing: {percent(still - cost)} are right, unshifted "
        said += percent(still)
    else:
        said = f"{shifted} costs {points(cost)}: accuracy falls from {percent(still)} "
        said += f"to {percent(still - cost)}"
    kept = [one.consistency for one in moved if one.consistency is not None]
    if kept:
        said += f", and {percent(sum(kept) / len(kept))} of the images keep their answer"
    return f"{said}."


def _facts(scores: Scores, run: Json) -> tuple[Fact, ...]:
    facts = []
    if scores.shift_images:
        on = f"{counted(scores.shift_images, 'image')}, evenly spread, in eight directions"
        facts.append(Fact("Measured on", on))
    recipe = mapping(run, "recipe")
    if "shift" in recipe:
        taught = number(recipe, "shift")
        said = f"up to {counted(taught, 'pixel')}" if taught else "none"
        facts.append(Fact("Shifts in training", said))
    return tuple(facts)


def _row(one: Shifted, steps: Sequence[Shifted]) -> tuple[str, ...]:
    still = _unmoved(steps)
    cost = "–" if still is None or one.offset == 0 else points(still - one.accuracy)
    if still is not None and one.accuracy > still:
        cost = f"−{cost}"
    same = "–" if one.consistency is None else percent(one.consistency)
    return (f"{one.offset:g}", percent(one.accuracy), cost, same)


def _moved(
    steps: Sequence[Shifted], run: Json, picture: npt.NDArray[np.uint8]
) -> tuple[Moved, ...]:
    fill = int(number(mapping(run, "image_format"), "pad_value") or 0) % 256
    height, width = picture.shape[:2]
    found = []
    for one in steps[:MOST_MOVED]:
        by = int(one.offset)
        if not 0 <= by < min(height, width):
            continue
        canvas = np.full_like(picture, fill)
        canvas[by:, by:] = picture[: height - by, : width - by]
        found.append(Moved(picture_data_uri(canvas), counted(by, "pixel")))
    return tuple(found)
