"""Callbacks with Keras's hook names, told of a training through a Watcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convwise.errors import OptionError
from convwise.training.progress import BatchRecord, EpochRecord, Watcher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convwise.data.store import PixelStore

Logs = Mapping[str, float]


class Callback:
    """Derive from it and override the hooks you need; names and counting are Keras's.

    Epochs and batches are counted from 0. ``logs`` of an epoch hold ``loss``, ``accuracy``,
    ``val_loss``, ``val_accuracy`` and ``learning_rate``; ``logs`` of a batch hold ``loss`` and
    ``accuracy``, both the mean over the epoch so far, and ``learning_rate``. Set
    ``self.stop_training = True`` in any hook to end the training after the present batch; it is
    then validated, saved and scored as usual.

    Example:
        >>> class StopAtNinety(Callback):
        ...     def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        ...         self.stop_training = logs["val_accuracy"] >= 0.9
        >>> StopAtNinety().stop_training
        False
    """

    stop_training: bool = False

    def on_train_begin(self, logs: Logs) -> None:
        """The first batch is about to be trained on; ``logs`` are empty."""

    def on_train_end(self, logs: Logs) -> None:
        """Training ended; ``logs`` are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """An epoch begins; ``logs`` are empty."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """An epoch ended and was validated."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """The weights were updated once."""


class CallbackWatcher(Watcher):
    """Passes everything on to another watcher, and tells callbacks of it too.

    Args:
        watcher: told first.
        callbacks: told in their order.

    Raises:
        OptionError: something in ``callbacks`` is no Callback.
    """

    def __init__(self, watcher: Watcher, callbacks: Sequence[Callback]) -> None:
        for number, callback in enumerate(callbacks):
            if not isinstance(callback, Callback):
                raise OptionError(
                    f"callbacks[{number}] is of type {type(callback).__name__}; derive its class"
                    " from convwise.Callback"
                )
        self._watcher = watcher
        self._callbacks = tuple(callbacks)
        self._last: Logs = {}

    def message(self, text: str) -> None:
        """Pass it on."""
        self._watcher.message(text)

    def reading(self, done: int, total: int) -> None:
        """Pass it on."""
        self._watcher.reading(done, total)

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        """Call ``on_train_begin``; an earlier training's wish to stop is forgotten."""
        self._watcher.started(epochs, steps_per_epoch, time_limit)
        for callback in self._callbacks:
            callback.stop_training = False
            callback.on_train_begin({})

    def epoch_started(self, epoch: int) -> None:
        """Call ``on_epoch_begin``."""
        self._watcher.epoch_started(epoch)
        for callback in self._callbacks:
            callback.on_epoch_begin(epoch - 1, {})

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        """Pass it on."""
        self._watcher.step(epoch, step, share, loss, images_per_second)

    def batch(self, record: BatchRecord) -> None:
        """Call ``on_train_batch_end``."""
        self._watcher.batch(record)
        logs = {
            "loss": record.loss,
            "accuracy": record.accuracy,
            "learning_rate": record.learning_rate,
        }
        for callback in self._callbacks:
            callback.on_train_batch_end(record.step - 1, logs)

    def validated(self, store: PixelStore, probabilities: NDArray[np.float32]) -> None:
        """Pass it on."""
        self._watcher.validated(store, probabilities)

    def epoch(self, record: EpochRecord) -> None:
        """Call ``on_epoch_end``."""
        self._watcher.epoch(record)
        self._last = {
            "loss": record.train_loss,
            "accuracy": record.train_accuracy,
            "val_loss": record.validation_loss,
            "val_accuracy": record.validation_accuracy,
            "learning_rate": record.learning_rate,
        }
        for callback in self._callbacks:
            callback.on_epoch_end(record.epoch - 1, self._last)

    def ended(self) -> None:
        """Call ``on_train_end``."""
        self._watcher.ended()
        for callback in self._callbacks:
            callback.on_train_end(self._last)

    def wants_to_stop(self) -> bool:
        """Whether a callback or the other watcher asks to stop."""
        asked = any(callback.stop_training for callback in self._callbacks)
        return asked or self._watcher.wants_to_stop()


def with_callbacks(watcher: Watcher | None, callbacks: Sequence[Callback]) -> Watcher:
    """Return a watcher that tells callbacks too; the same one where there are none."""
    watcher = watcher or Watcher()
    return CallbackWatcher(watcher, callbacks) if callbacks else watcher
