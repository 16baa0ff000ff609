"""Three splits of a source that has none, one or two of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.data.dataset import SPLITS
from convwise.data.listing import WHOLE, Listing
from convwise.data.split import fold_split, grouped_split, stratified_split
from convwise.errors import OptionError

VALIDATION_LIMIT = 5_000
MOST_FOLDS = 100


@dataclass(frozen=True)
class Fold:
    """One of the parts of a cross-validation.

    Args:
        number: which part is held out, from 1.
        of: how many parts there are.

    Example:
        >>> Fold.parse("2/5")
        Fold(number=2, of=5)
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Fold:
        """Read ``NUMBER/FOLDS``.

        Raises:
            OptionError: the text is not of that form, or there is no such fold.
        """
        number, _, folds = (part.strip() for part in text.partition("/"))
        if not (number.isdecimal() and folds.isdecimal()):
            raise OptionError(f"--fold {text}: write NUMBER/FOLDS, for example 2/5")
        fold = cls(int(number), int(folds))
        if not 2 <= fold.of <= MOST_FOLDS or not 1 <= fold.number <= fold.of:
            raise OptionError(f"--fold {text}: have 2 to {MOST_FOLDS} folds, and count them from 1")
        return fold


def three_splits(
    listing: Listing, *, validation: float, test: float, seed: int, fold: Fold | None = None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Return the positions of each split, and the names of the splits that are made here.

    Splits that the source has are used as they are. Test is held out before validation.

    Args:
        listing: what the source holds.
        validation: share of what is left after the test split, at most 5,000 pictures.
        test: share of all pictures.
        seed: decides which pictures are held out.
        fold: hold out this part of a cross-validation instead of a share: for the test split, or
            for the validation split of a source that has a test split.

    Raises:
        OptionError: a fold is asked of a source that has all its splits.
        DataError: there are too few groups, or too few pictures for so many folds.
    """
    parts = dict(listing.parts)
    train = parts.pop("train") if "train" in parts else parts.pop(WHOLE)
    carved = tuple(split for split in ("test", "validation") if split not in parts)
    if fold is not None and not carved:
        raise OptionError(
            f"--fold {fold.number}/{fold.of}: {listing.name} has validation and test splits of "
            "its own, so that there is nothing to divide"
        )
    for place, split in enumerate(carved):
        labels = listing.samples.labels[train]
        groups = None if listing.groups is None else listing.groups[train]
        share, limit = (test, None) if split == "test" else (validation, VALIDATION_LIMIT)
        if fold is not None and place == 0:
            kept, held = fold_split(labels, groups, fold.number, fold.of, seed)
        elif groups is None:
            kept, held = stratified_split(labels, share, seed, limit)
        else:
            kept, held = grouped_split(labels, groups, share, seed, limit)
        train, parts[split] = train[kept], train[held]
    parts["train"] = train
    return {split: parts[split] for split in SPLITS}, carved
