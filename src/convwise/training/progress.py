"""What a training tells whoever watches it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convwise.data.store import PixelStore


@dataclass(frozen=True)
class EpochRecord:
    """One line of ``history.jsonl``.

    Losses are in nats, the training loss with label smoothing; accuracies are shares; ``seconds``
    counts from the start of training; ``images_per_second`` leaves validation out. The training
    accuracy is that of the augmented images while the network was still learning.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class BatchRecord:
    """What is known after a step; loss and accuracy are means over the epoch so far.

    ``epoch`` and ``step`` count from 1, the step within its epoch.
    """

    epoch: int
    step: int
    loss: float
    accuracy: float
    learning_rate: float


class Watcher:
    """Receives news of a training; the methods do nothing unless overridden.

    The command line shows them, a notebook may plot them, a test may collect them.
    """

    def message(self, text: str) -> None:
        """Something worth a line happened."""

    def reading(self, done: int, total: int) -> None:
        """So many of the pictures are decoded."""

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        """The first step is about to be taken."""

    def epoch_started(self, epoch: int) -> None:
        """An epoch begins."""

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        """A step was taken; ``share`` of the training is done."""

    def batch(self, record: BatchRecord) -> None:
        """The same step, with all that is known about it."""

    def validated(self, store: PixelStore, probabilities: NDArray[np.float32]) -> None:
        """The validation images were predicted; the epoch's record follows.

        Args:
            store: the images, or this process's part of them.
            probabilities: float32 (images, classes).
        """

    def epoch(self, record: EpochRecord) -> None:
        """An epoch ended, or training ended within it."""

    def ended(self) -> None:
        """Training ended, and the network has its final weights."""

    def wants_to_stop(self) -> bool:
        """Return whether training shall end after the present step; asked after each one."""
        return False
