"""Runs compared on the same test images, each with the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convwise.evaluation.paired import (
    LEVEL,
    PairedCounts,
    difference_interval,
    holm,
    images_to_tell,
    mcnemar_exact,
    tellable_difference,
)
from convwise.report.comparison_words import Verdict, sentences
from convwise.report.contestants import Contestant, read_contestants
from convwise.report.fields import number
from convwise.report.settings_that_differ import Setting, settings_that_differ

METHOD = (
    "McNemar's exact test decides; the interval is Tango's score interval for paired proportions"
    " (1998); several comparisons are corrected after Holm (1979)"
)


@dataclass(frozen=True)
class Duel:
    """One run against the first.

    Args:
        run: the other run.
        counts: images that both, one or neither of them got right; ``first`` is the first run.
        interval: 95 %, of the difference in accuracy, other run minus first.
        p_value: of McNemar's exact test, by itself.
        adjusted: the same, corrected for the number of comparisons.
    """

    run: Contestant
    counts: PairedCounts
    interval: tuple[float, float]
    p_value: float
    adjusted: float

    @property
    def verdict(self) -> Verdict:
        """Whether the other run is ``better`` or ``worse``, or ``undecided``."""
        if self.adjusted >= LEVEL:
            return "undecided"
        return "better" if self.counts.difference > 0 else "worse"


@dataclass(frozen=True)
class Comparison:
    """All that a comparison found.

    Args:
        runs: the contestants, the one that the others are compared with first.
        settings: what differs between them.
        duels: one for each run but the first.
    """

    runs: tuple[Contestant, ...]
    settings: tuple[Setting, ...]
    duels: tuple[Duel, ...]

    @property
    def images(self) -> int:
        """How many test images they share."""
        return len(self.runs[0].right)

    def said(self) -> tuple[tuple[str, ...], ...]:
        """Return the sentences about each duel."""
        return tuple(sentences(self.runs[0], duel, len(self.duels)) for duel in self.duels)

    def curve(self, run: Contestant, key: str) -> list[float | None]:
        """Return a figure of each epoch of a run, ``validation_accuracy`` for example."""
        return [number(epoch, key) for epoch in run.files.history]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "images": self.images,
            "method": METHOD,
            "runs": [_run_facts(run) for run in self.runs],
            "settings": [
                {"group": one.group, "name": one.name, "values": list(one.values)}
                for one in self.settings
            ],
            "comparisons": [
                _duel_facts(self.runs[0], duel, said)
                for duel, said in zip(self.duels, self.said(), strict=True)
            ],
        }


def compare(folders: Sequence[str | Path]) -> Comparison:
    """Compare runs with the first of them, on the test images that all were scored on.

    Args:
        folders: of two to 26 runs.

    Raises:
        OptionError: too few or too many runs, or one is given twice.
        DataError: a folder is no run that was scored, or was scored on other images.
    """
    runs = read_contestants([Path(folder) for folder in folders])
    counts = [_counts(runs[0], run) for run in runs[1:]]
    p_values = [mcnemar_exact(each.first, each.second) for each in counts]
    duels = tuple(
        Duel(run, each, difference_interval(each), p_value, adjusted)
        for run, each, p_value, adjusted in zip(
            runs[1:], counts, p_values, holm(p_values), strict=True
        )
    )
    return Comparison(runs, settings_that_differ([run.files.run for run in runs]), duels)


def _counts(first: Contestant, other: Contestant) -> PairedCounts:
    both = int(np.count_nonzero(first.right & other.right))
    return PairedCounts(
        both=both,
        first=int(np.count_nonzero(first.right)) - both,
        second=int(np.count_nonzero(other.right)) - both,
        neither=int(np.count_nonzero(~first.right & ~other.right)),
    )


def _run_facts(run: Contestant) -> dict[str, Any]:
    return {
        "letter": run.letter,
        "run": str(run.folder),
        "test_accuracy": run.accuracy,
        "history": [dict(epoch) for epoch in run.files.history],
    }


def _duel_facts(first: Contestant, duel: Duel, said: tuple[str, ...]) -> dict[str, Any]:
    counts = duel.counts
    return {
        "run": str(duel.run.folder),
        "against": str(first.folder),
        "both_right": counts.both,
        "only_this_right": counts.second,
        "only_first_right": counts.first,
        "both_wrong": counts.neither,
        "difference": counts.difference,
        "interval": list(duel.interval),
        "p_value": duel.p_value,
        "p_value_adjusted": duel.adjusted,
        "verdict": duel.verdict,
        "images_to_tell": images_to_tell(counts),
        "tellable_difference": tellable_difference(counts),
        "said": " ".join(said),
    }
