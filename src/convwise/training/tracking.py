"""Scalars of a training for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from convwise.errors import MissingExtraError, OptionError
from convwise.training.callbacks import Callback, Logs

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Track = Literal["tensorboard"]
FOLDER = "tensorboard"


def trackers(track: Track | None, run: Path) -> list[Callback]:
    """Return the callback that was asked for, which writes below the folder of a run.

    Raises:
        OptionError: the name is unknown.
        MissingExtraError: its package is not installed.
    """
    if track is None:
        return []
    if track not in get_args(Track):
        raise OptionError(f"track {track!r}: use {', '.join(get_args(Track))}")
    return [TensorBoard(run / FOLDER)]


class TensorBoard(Callback):
    """Writes ``epoch/…`` after each epoch and ``batch/…`` after each batch, all that logs hold.

    Args:
        folder: where the event file goes; made when training starts.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboard", "track") from None
        self._make = SummaryWriter
        self._folder = folder
        self._batches = 0
        self._writer: SummaryWriter | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """Open the event file."""
        self._writer, self._batches = self._make(str(self._folder)), 0

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Write the batch's scalars; the step counts all batches of the training from 1."""
        self._batches += 1
        self._write("batch", logs, self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write the epoch's scalars; the step is the epoch's number from 1."""
        self._write("epoch", logs, epoch + 1)

    def on_train_end(self, logs: Logs) -> None:
        """Close the file, so that the run's checksums are those of its end."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, kind: str, logs: Logs, step: int) -> None:
        if self._writer is not None:
            for name, value in logs.items():
                self._writer.add_scalar(f"{kind}/{name}", value, step)
