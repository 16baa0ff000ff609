"""What may be said of a difference: better, worse, equivalent, or that it can't be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from convwise.studies.statistics import Estimate, holm, seeds_to_tell

LEVEL = 0.05
MARGIN = 0.005

Word = Literal["better", "worse", "equivalent", "can't tell", "computed"]


@dataclass(frozen=True)
class Verdict:
    """What may be said of the difference of two arms.

    Args:
        word: ``computed`` is for what needs no experiment.
        p_difference: of "there is no difference", corrected for the number of questions.
        p_equivalence: of "the difference is at least the margin", corrected likewise.
        more_seeds: beyond the present ones, that would show a true difference as large as the
            margin or as what was seen, whichever is larger; None where no number would, or where
            nothing is left to tell.
    """

    word: Word
    p_difference: float | None = None
    p_equivalence: float | None = None
    more_seeds: int | None = None


def verdicts(estimates: Sequence[Estimate], margin: float = MARGIN) -> list[Verdict]:
    """Return a verdict for each comparison of a family.

    The family errs in at most 1 of 20 studies that have no true difference: p-values of
    differences are corrected after Holm, those of equivalence on their own. A difference that is
    surely smaller than the margin counts as equivalent even if it is surely not 0.

    Args:
        estimates: of the differences (arm minus baseline).
        margin: the smallest difference of interest, in the unit of the differences.

    Example:
        >>> from convwise.studies.statistics import Part
        >>> sure = Estimate(0.03, Part(1e-6, 4), Part(1e-6, 999))
        >>> [verdict.word for verdict in verdicts([sure, Estimate(0.0, Part(1e-3, 4))])]
        ['better', "can't tell"]
    """
    differences = holm([estimate.p_difference() for estimate in estimates])
    equivalences = holm([estimate.p_equivalence(margin) for estimate in estimates])
    return [
        _verdict(estimate, difference, equivalence, margin)
        for estimate, difference, equivalence in zip(
            estimates, differences, equivalences, strict=True
        )
    ]


def _verdict(
    estimate: Estimate, p_difference: float, p_equivalence: float, margin: float
) -> Verdict:
    if p_equivalence <= LEVEL:
        return Verdict("equivalent", p_difference, p_equivalence)
    if p_difference <= LEVEL:
        word: Word = "better" if estimate.mean > 0 else "worse"
        return Verdict(word, p_difference, p_equivalence)
    wanted = seeds_to_tell(estimate, max(margin, abs(estimate.mean)))
    # Enough by the formula and yet not shown, be it by chance or for Holm's sake: one more is due.
    more = None if wanted is None else max(1, wanted - round(estimate.seeds.freedom) - 1)
    return Verdict("can't tell", p_difference, p_equivalence, more)
