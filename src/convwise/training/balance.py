"""What to do about classes of unequal size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.training.recipe import Balance

# Below this ratio of the largest class to the smallest, "auto" leaves them as they are.
WORTH_BALANCING = 1.5


@dataclass(frozen=True)
class ClassSizes:
    """How many training images each class has; classes without any are left out of all figures.

    Args:
        counts: int64 (classes,).
        names: of the classes.

    Example:
        >>> sizes = ClassSizes(np.array([80, 10]), ("cat", "emu"))
        >>> sizes.ratio, sizes.weights().tolist()
        (8.0, [0.5625, 4.5])
    """

    counts: NDArray[np.int64]
    names: Sequence[str]

    @classmethod
    def of(cls, labels: NDArray[np.int64], names: Sequence[str]) -> ClassSizes:
        """Count labels, int64 (images,)."""
        return cls(np.bincount(labels, minlength=len(names)), names)

    @property
    def ratio(self) -> float:
        """Size of the largest class over that of the smallest."""
        present = self.counts[self.counts > 0]
        return float(present.max() / present.min())

    def weights(self) -> NDArray[np.float32]:
        """Return how much an image of each class counts: its mean over all images is 1.

        Inversely proportional to the size of the class, so that all classes add up to the same
        (King and Zeng 2001, "Logistic regression in rare events data", section 4.2, with equal
        shares for all classes; scikit-learn's ``class_weight="balanced"``).
        """
        present = self.counts > 0
        images = self.counts.sum()
        weights = np.zeros(len(self.counts), np.float32)
        weights[present] = images / (present.sum() * self.counts[present])
        return weights

    def resolve(self, asked: Balance) -> Balance:
        """Return what ``auto`` stands for here: ``weights``, or ``none`` for a small ratio."""
        if asked != "auto":
            return asked
        return "weights" if self.ratio >= WORTH_BALANCING else "none"

    def told(self, asked: Balance) -> str | None:
        """Return what is done about the sizes in words, or None where nothing is worth a word."""
        chosen, ratio = self.resolve(asked), self.ratio
        if ratio < WORTH_BALANCING:
            return None if asked in ("none", "auto") else f"{self._sizes()}: {_DONE[chosen]}"
        if chosen == "none":
            return f"{self._sizes()}; --balance auto makes all classes count alike"
        told = f"{self._sizes()}: {_DONE[chosen]}"
        if chosen == "weights":
            weights = self.weights()
            rare, common = int(weights.argmax()), int(self.counts.argmax())
            told += (
                f", an image of {self.names[rare]} {weights[rare]:.3g} times and one of"
                f" {self.names[common]} {weights[common]:.3g} times"
            )
        return told

    def _sizes(self) -> str:
        return f"class sizes differ {self.ratio:.3g} to 1"


_DONE: dict[Balance, str] = {
    "weights": "the loss weighs all classes alike",
    "sampling": "an epoch draws all classes equally often",
}
