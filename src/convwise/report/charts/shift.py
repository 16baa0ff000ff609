"""Accuracy and consistency of shifted images."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from convwise.report.charts.axes import bounds, round_ticks
from convwise.report.charts.lines import Axis, Line, line_chart
from convwise.report.wording import percent


def shift_curves(
    offsets: Sequence[float], accuracy: Sequence[float], consistency: Sequence[float | None]
) -> Markup:
    """Return accuracy and consistency (both 0…1, drawn in per cent) over the offset in pixels."""
    present = [*accuracy, *(value for value in consistency if value is not None)]
    low, high = bounds(present, (0.0, 1.0))
    ticks = tuple(tick for tick in round_ticks(low, max(high, low + 0.02)) if 0 <= tick <= 1)
    lines = [
        Line("accuracy", "first", tuple(accuracy)),
        Line("same answer", "second", tuple(consistency)),
    ]

    def reading(index: int) -> str:
        told = [
            f"{line.name} {percent(value)}"
            for line in lines
            if (value := line.values[index]) is not None
        ]
        return f"Shifted by {offsets[index]:g} pixels: {', '.join(told)}"

    across = Axis("Shift (pixels)", _some(offsets), "{:g}".format, min(offsets), max(offsets))
    upwards = Axis("Share of images (%)", ticks, lambda share: f"{share * 100:g}")
    return line_chart(
        "shift-curves",
        "Accuracy and consistency of shifted images",
        f"{reading(0)}. {reading(len(offsets) - 1)}.",
        offsets,
        lines,
        (across, upwards),
        reading,
    )


def _some(offsets: Sequence[float]) -> tuple[float, ...]:
    every = -(-len(offsets) // 9)
    return tuple(offsets[::every])
