"""Cell: what one arm did with one seed, as a small file that is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.studies.question import Look, Picture
from convwise.training.storage import json_bytes, write_atomically

MOST_VIEWS = 9


@dataclass(frozen=True)
class Score:
    """How often each image of a test set was right.

    Args:
        right: uint8 (images,), in how many of the views.
        views: how many there are, 1…9.
    """

    right: NDArray[np.uint8]
    views: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the views in which each image is right, (images,)."""
        return self.right / self.views

    @property
    def accuracy(self) -> float:
        """Mean share."""
        return float(self.shares.mean())


@dataclass(frozen=True)
class Cost:
    """What an arm costs.

    Args:
        params: numbers in its weights.
        flops: of one image, convolutions and dense products.
        seconds_per_epoch: of training.
        ms_per_prediction: of one image, in batches.
        epochs: that it was trained for.
    """

    params: int
    flops: int
    seconds_per_epoch: float
    ms_per_prediction: float
    epochs: int


@dataclass(frozen=True)
class Cell:
    """The result of a trial.

    Args:
        question: its name.
        arm: its name.
        seed: of the trial.
        digest: of all that decides the result; another one stands for another trial.
        scores: by test set.
        cost: of training and prediction.
        look: what was seen inside.
        model: content of the trained network's model file, where it is to be kept beside the cell.
    """

    question: str
    arm: str
    seed: int
    digest: str
    scores: Mapping[str, Score]
    cost: Cost
    look: Look = field(default_factory=Look)
    model: bytes | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; an image's score is a digit."""
        return {
            "question": self.question,
            "arm": self.arm,
            "seed": self.seed,
            "digest": self.digest,
            "scores": {
                name: {"views": score.views, "right": "".join(map(str, score.right.tolist()))}
                for name, score in self.scores.items()
            },
            "cost": vars(self.cost),
            "figures": dict(self.look.figures),
            "pictures": [
                {
                    "title": each.title,
                    "shape": each.pixels.shape,
                    "pixels": each.pixels.tobytes().hex(),
                }
                for each in self.look.pictures
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Cell:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: something is missing or of the wrong kind.
        """
        scores = {
            name: Score(
                np.frombuffer(each["right"].encode("ascii"), np.uint8) - ord("0"), each["views"]
            )
            for name, each in values["scores"].items()
        }
        pictures = tuple(
            Picture(
                each["title"],
                np.frombuffer(bytes.fromhex(each["pixels"]), np.uint8).reshape(each["shape"]),
            )
            for each in values["pictures"]
        )
        return cls(
            values["question"],
            values["arm"],
            values["seed"],
            values["digest"],
            scores,
            Cost(**values["cost"]),
            Look(values["figures"], pictures),
        )


def write_cell(path: Path, cell: Cell) -> None:
    """Write a cell.

    Raises:
        StorageError: it could not be written; nothing is left at ``path``.
    """
    write_atomically(path, json_bytes(cell.to_json()))


def read_cell(path: Path) -> Cell | None:
    """Return a cell, or None where there is none that can be read; it is then done again."""
    try:
        return Cell.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return None
