"""ZeroPadding2D: zeros around a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from convwise.design.arguments import Argument, Whole, about, read_number
from convwise.design.counting import PathCounts
from convwise.design.layer import Layer, Shape, View, map_shape

Border = tuple[tuple[int, int], tuple[int, int]]
"""((top, bottom), (left, right))."""


class BorderArgument(Argument):
    """Zeros on four sides: one number, (rows, columns) or ((top, bottom), (left, right)).

    The notation writes them as ``1``, ``1x2`` and ``0,1x2,3``.
    """

    each = Whole(least=0)

    def check(self, value: object) -> Border:
        """Return ((top, bottom), (left, right))."""
        if not isinstance(value, (tuple, list)):
            value = (value, value)
        if len(value) != 2:
            raise ValueError(
                f"is {value!r}; use one number, two, or ((top, bottom), (left, right))"
            )
        rows, columns = (self._side(side) for side in value)
        return rows, columns

    def _side(self, value: object) -> tuple[int, int]:
        if not isinstance(value, (tuple, list)):
            value = (value, value)
        if len(value) != 2:
            raise ValueError(f"has the side {value!r}; use one number, or (before, after)")
        return self.each.check(value[0]), self.each.check(value[1])

    def read(self, word: str) -> Any:
        """Read ``1``, ``1x2`` or ``0,1x2,3``."""
        sides = [
            tuple(read_number(number) for number in side.split(",")) for side in word.split("x")
        ]
        plain = [side[0] if len(side) == 1 else side for side in sides]
        return plain[0] if len(plain) == 1 and len(sides[0]) == 1 else tuple(plain)

    def write(self, value: Border) -> str:
        """Write the shortest form."""
        sides = [f"{a}" if a == b else f"{a},{b}" for a, b in value]
        if sides[0] == sides[1] and "," not in sides[0]:
            return sides[0]
        return "x".join(sides)

    def to_json(self, value: Border) -> Any:
        """Return lists."""
        return [list(side) for side in value]


@dataclass(frozen=True)
class ZeroPadding2D(Layer):
    """Zeros put around a map.

    Source: Keras 3's meaning and default.

    Args:
        padding: one number for all sides, (rows, columns), or ((top, bottom), (left, right)).

    Raises:
        DesignError: the padding is negative or of another form.

    Example:
        >>> ZeroPadding2D(((0, 1), (0, 1))).output_shape((28, 28, 3))
        (29, 29, 3)
    """

    stem: ClassVar[str] = "zeropad"
    word: ClassVar[str] = "zeropad"

    padding: int | tuple[int, int] | Border = field(
        default=1, metadata=about(BorderArgument(), positional=True)
    )

    @property
    def border(self) -> Border:
        """((top, bottom), (left, right))."""
        return cast(Border, self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with the border."""
        height, width, channels = map_shape(input_shape, "zero padding")
        (top, bottom), (left, right) = self.border
        return (height + top + bottom, width + left + right, channels)

    def view(
        self, view: View | None, input_shape: Shape, branches: Sequence[View | None] = ()
    ) -> View | None:
        """Return the view moved by the border; the new places see only zeros."""
        if view is None:
            return None
        (top, _), (left, _) = self.border
        return View(
            replace(view.rows, start=view.rows.start - top * view.rows.stride),
            replace(view.columns, start=view.columns.start - left * view.columns.stride),
            view.coverage.shifted(top, left) if view.coverage else None,
        )

    def spread(
        self, counts: PathCounts, input_shape: Shape, branches: Sequence[PathCounts] = ()
    ) -> PathCounts:
        """Return the counts without the border's."""
        (top, _), (left, _) = self.border
        return counts.inside(top, left, (input_shape[0], input_shape[1]))
