"""What a comparison of two runs says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from convwise.evaluation.paired import PairedCounts, images_to_tell, tellable_difference
from convwise.report.contestants import Contestant
from convwise.report.wording import count, counted

if TYPE_CHECKING:
    from convwise.report.comparison import Duel

Verdict = Literal["better", "worse", "undecided"]
# Beyond this, a number of images is no advice.
MOST_IMAGES = 10_000_000


def sentences(first: Contestant, duel: Duel, duels: int) -> tuple[str, ...]:
    """Return what a duel says: the verdict, its evidence, and how many images would tell.

    Args:
        first: the run that the other is compared with.
        duel: the other run and the figures.
        duels: how many comparisons there are in all.
    """
    if not duel.counts.disagreement:
        return (
            f"{duel.run.letter} and {first.letter} are right on exactly the same"
            f" {counted(duel.counts.both, 'image')} of {count(duel.counts.images)}:"
            " nothing tells them apart.",
        )
    said = [_verdict(first, duel), _evidence(first, duel, duels)]
    if duel.verdict == "undecided":
        said += _on_the_border(duel, duels)
        said.append(_how_many(duel.counts))
    return tuple(said)


def p_words(p_value: float) -> str:
    """Return a p-value as one writes it.

    Example:
        >>> p_words(0.0312), p_words(4e-9)
        ('p = 0.031', 'p < 0.0001')
    """
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"


def signed(difference: float) -> str:
    """Return a difference of two shares in percentage points, with its sign.

    Example:
        >>> signed(0.0213), signed(-0.01)
        ('+2.13', '−1.00')
    """
    text = f"{abs(difference) * 100:.2f}"
    return text if float(text) == 0 else f"{'+' if difference > 0 else '−'}{text}"


def _verdict(first: Contestant, duel: Duel) -> str:
    accuracies = (
        f"{_exact_percent(duel.run.accuracy)} against {_exact_percent(first.accuracy)} of the same"
        f" {counted(duel.counts.images, 'test image')}"
    )
    pair = f"{duel.run.letter} and {first.letter}"
    if duel.verdict == "undecided":
        return f"{pair} cannot be told apart with so many images: {accuracies}."
    return f"{duel.run.letter} is {duel.verdict} than {first.letter}: {accuracies}."


def _evidence(first: Contestant, duel: Duel, duels: int) -> str:
    low, high = duel.interval
    corrected = f", for {duels} comparisons {p_words(duel.adjusted)}" if duels > 1 else ""
    return (
        f"The difference is {signed(duel.counts.difference)} points, 95 % interval {signed(low)}"
        f" to {signed(high)} ({p_words(duel.p_value)}{corrected}): only {duel.run.letter} is right"
        f" on {counted(duel.counts.second, 'image')}, only {first.letter} on"
        f" {count(duel.counts.first)}."
    )


def _on_the_border(duel: Duel, duels: int) -> list[str]:
    low, high = duel.interval
    if low <= 0 <= high:
        return []
    if duels > 1 and duel.p_value < 0.05:
        return [f"By itself this would count; the best of {duels} comparisons may be chance."]
    return ["The interval just leaves out 0; the exact test, which decides, is stricter."]


def _how_many(counts: PairedCounts) -> str:
    needed, least = images_to_tell(counts), tellable_difference(counts)
    told = (
        ""
        if least is None
        else f" {counted(counts.images, 'image')} show a difference of {least * 100:.2f} points"
        " or more in four of five cases."
    )
    if needed is None:
        return f"Both are right equally often.{told}"
    if needed <= counts.images:
        # Seen, but with less luck than four of five.
        return f"More test images would tell.{told}"
    if needed > MOST_IMAGES:
        return f"Their difference is too small for any test set to tell.{told}"
    return (
        f"If the difference is what it seems, about {_round(needed)} test images would tell.{told}"
    )


def _round(number: int) -> str:
    """Return a number with the two digits that an estimate deserves."""
    power = max(len(str(number)) - 2, 0)
    return count(round(number, -power))


def _exact_percent(share: float) -> str:
    return f"{share * 100:.{0 if share in (0, 1) else 2}f} %"
