"""A learning-rate range test as one self-contained page."""

from __future__ import annotations

import math

from convwise.report.charts.axes import bounds, round_ticks
from convwise.report.charts.lines import Axis, Line, line_chart
from convwise.report.facts import Fact
from convwise.report.page_writer import render
from convwise.report.wording import count, shown
from convwise.training.rate_range import RateRange


def rate_page(found: RateRange, command: str) -> str:
    """Return the test as one HTML file that asks for nothing beyond itself.

    Args:
        found: the test.
        command: that trains with the suggested rate.
    """
    powers = [math.log10(rate) for rate in found.rates]
    ticks = tuple(range(math.floor(powers[0]), math.ceil(powers[-1]) + 1))
    low, high = bounds(found.smoothed, (0.0, 1.0))

    def reading(index: int) -> str:
        return f"Rate {found.rates[index]:.2g}: smoothed loss {found.smoothed[index]:.3f}"

    chart = line_chart(
        "rate-range",
        "Loss at rising learning rates",
        f"{reading(0)}. {reading(len(powers) - 1)}. Lowest at a rate of {found.lowest_at:.2g}.",
        powers,
        [Line("smoothed", "first", found.smoothed)],
        (
            Axis("Learning rate", ticks, lambda power: f"{10.0**power:g}"),
            Axis(
                "Loss (nats)",
                round_ticks(min(0.0, low), min(high, 4 * found.smoothed[0])),
                "{:g}".format,
            ),
        ),
        reading,
    )
    diverged = "not in this range" if found.diverged_at is None else f"at {found.diverged_at:.2g}"
    return render(
        "rate.html.j2",
        title=f"{shown(found.network)} on {shown(found.data)}",
        suggested=f"{found.suggested:g}",
        rule=found.rule,
        command=command,
        chart=chart,
        facts=(
            Fact("Optimizer", found.optimizer),
            Fact("Loss lowest", f"at {found.lowest_at:.2g}"),
            Fact("Loss runs away", diverged),
            Fact("Steps", count(len(found.rates))),
        ),
        rows=tuple(
            (f"{rate:.3g}", f"{loss:.4f}", f"{smooth:.4f}")
            for rate, loss, smooth in zip(found.rates, found.losses, found.smoothed, strict=True)
        ),
    )
