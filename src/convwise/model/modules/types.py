"""Types that modules share."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Pair = tuple[int, int]
"""(rows, columns)."""

Sides = tuple[int, int, int, int]
"""(left, right, top, bottom)."""

Activation = Callable[[Tensor], Tensor]
