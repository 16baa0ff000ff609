"""Border coverage as a map: in how many windows each pixel of the image takes part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convwise.design.counting import PathCounts
from convwise.design.plan import Plan, Row
from convwise.design.window import show
from convwise.errors import DesignError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Values that one map may touch in all; a few seconds of work.
MAP_BUDGET = 400_000_000


def border_coverage_map(plan: Plan) -> NDArray[np.float64]:
    """Return in how many windows each pixel takes part, through the whole feature extractor.

    A window here is a path from the pixel through one window of each layer, up to the last row
    whose places still stand for pixels. It is counted backward: each place of the last map takes
    part in itself once, and each layer gives the places before it the sum of the windows that they
    are in. That is the sum of the gradients of all outputs, had every weight been 1.

    Args:
        plan: one without a problem.

    Returns:
        float64 (image height, image width), divided by the largest count, so 0 to 1. The pixel in
        the top left corner ÷ the one at (height // 2, width // 2) is the last row's
        ``border_coverage``.

    Raises:
        DesignError: the plan has a problem, or is too large to count.

    Example:
        >>> from convwise.design.plan import plan
        >>> made = plan("conv 1 3 same | flatten | dense classes", "3x3x1", 2)
        >>> border_coverage_map(made).round(2)
        array([[0.44, 0.67, 0.44],
               [0.67, 1.  , 0.67],
               [0.44, 0.67, 0.44]])
    """
    rows = plan.require().extractor
    if _work(rows) + plan.image[0] * plan.image[1] > MAP_BUDGET:
        raise DesignError(
            f"the border coverage of a {show(plan.image[:2])} image would touch more than "
            f"{MAP_BUDGET:,} values; plan a smaller image, or fewer layers"
        )
    height, width = (rows[-1].output_shape if rows else plan.image)[:2]
    counts = _back(rows, PathCounts.of_map(height, width)).values
    largest = float(counts.max())
    return counts / largest if largest else counts


def _back(rows: Sequence[Row], counts: PathCounts) -> PathCounts:
    for row in reversed(rows):
        branches = [_back(branch, counts) for branch in row.branches]
        counts = row.layer.spread(counts, row.input_shape, branches)
    return counts


def _work(rows: Sequence[Row]) -> int:
    total = 0
    for row in rows:
        if window := row.layer.window():
            down, along = window.slides(row.input_shape)
            height, width = row.input_shape[:2]
            total += (height + down.span) * (width + along.span)
        total += sum(map(_work, row.branches))
    return total
