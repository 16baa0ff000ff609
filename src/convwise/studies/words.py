"""Verdicts in words."""

from __future__ import annotations

from convwise.studies.question import Comparison
from convwise.studies.statistics import Estimate
from convwise.studies.verdict import Verdict


def points(difference: float, *, signed: bool = False) -> str:
    """Return a difference of shares in percentage points.

    Example:
        >>> points(0.0123), points(-0.002, signed=True)
        ('1.2', '−0.2')
    """
    text = f"{abs(difference) * 100:.1f}"
    if not signed or float(text) == 0:
        return text
    return ("−" if difference < 0 else "+") + text


def within_bounds(low: float, high: float) -> tuple[float, float]:
    """Return an interval of a difference of two shares, which is between -1 and 1.

    Example:
        >>> within_bounds(-1.45, 0.95)
        (-1.0, 0.95)
    """
    return max(low, -1.0), min(high, 1.0)


def sentence_of(
    comparison: Comparison, estimate: Estimate | None, seeds: int, verdict: Verdict, margin: float
) -> str:
    """Return a verdict as one sentence.

    Args:
        comparison: which arms, on what.
        estimate: of their difference; None where no seed has both arms.
        seeds: how many have.
        verdict: what may be said.
        margin: the smallest difference of interest.
    """
    arm, baseline, on = comparison.arm, comparison.baseline, comparison.on
    if estimate is None:
        return f"{arm} and {baseline} have no seed in common yet."
    if seeds < 2:
        seen = points(estimate.mean, signed=True)
        return (
            f"Can't tell {arm} from {baseline} on {on} by a single seed ({seen} points);"
            " at least two are needed."
        )
    between = _between(estimate)
    if verdict.word == "equivalent":
        return (
            f"{arm} and {baseline} are equivalent on {on} within {points(margin)} points"
            f" (difference {between})."
        )
    if verdict.word in ("better", "worse"):
        return (
            f"{arm} is {verdict.word} than {baseline} on {on} by {points(estimate.mean)} points"
            f" (95 % interval {between})."
        )
    if verdict.more_seeds is None:
        advice = "no number of seeds would tell on so few test images; more images would"
    else:
        count = verdict.more_seeds
        advice = f"about {count:,} more {'seed' if count == 1 else 'seeds'} would"
    low, high = estimate.interval()
    among = (
        "; a difference by itself, but not among so many comparisons" if low > 0 or high < 0 else ""
    )
    return f"Can't tell {arm} from {baseline} on {on} ({between} points{among}): {advice}."


def _between(estimate: Estimate) -> str:
    low, high = within_bounds(*estimate.interval())
    return f"{points(low, signed=True)} to {points(high, signed=True)}"
