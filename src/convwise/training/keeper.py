"""What is kept of a training while it goes on, and when."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from convwise.errors import CheckpointError, OptionError, StorageError
from convwise.training.checkpoint import FILE_NAME, Checkpoint, load_checkpoint, save_checkpoint
from convwise.training.progress import EpochRecord
from convwise.training.run import RunFolder
from convwise.training.state import TrainingState

OnNan = Literal["stop", "retry"]


@dataclass(frozen=True)
class Saving:
    """How a training is guarded against its end.

    Args:
        every: seconds between checkpoints; each epoch's end makes one besides.
        on_nan: ``stop`` ends a training whose loss is no number; ``retry`` takes it back to the
            last checkpoint and halves the learning rate.

    Raises:
        OptionError: ``on_nan`` is unknown or ``every`` below 0.
    """

    every: float = 300.0
    on_nan: OnNan = "stop"

    def __post_init__(self) -> None:
        if self.on_nan not in get_args(OnNan):
            raise OptionError(f"--on-nan {self.on_nan}: use {' or '.join(get_args(OnNan))}")
        if not self.every >= 0:
            raise OptionError(f"--checkpoint-every {self.every}: write for example 5m")

    def but(self, every: float | None, on_nan: OnNan | None) -> Saving:
        """Return it with what is given instead."""
        return Saving(self.every if every is None else every, on_nan or self.on_nan)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class Keeper:
    """Keeps nothing; :class:`RunKeeper` keeps a training in its run folder.

    Attributes:
        saving: how often, and what a loss that is no number leads to.
    """

    saving = Saving()

    def is_due(self) -> bool:
        """Return whether the last checkpoint is long ago."""
        return False

    def save(self, state: TrainingState) -> None:
        """Keep the state."""

    def last(self) -> Checkpoint:
        """Return what was saved last.

        Raises:
            CheckpointError: there is nothing, or it is damaged.
        """
        raise CheckpointError("nothing of this training is kept")

    def add_epoch(self, record: EpochRecord) -> None:
        """Keep the record of an epoch."""

    def replace_history(self, records: list[EpochRecord]) -> None:
        """Keep these records and no others."""

    @property
    def command(self) -> str:
        """The command that goes on from what is kept; empty where nothing is."""
        return ""


class RunKeeper(Keeper):
    """Keeps checkpoints and history in a run folder.

    Args:
        folder: of the run.
        saving: how often, and what a loss that is no number leads to.
        clock: gives seconds; replaced in tests.
    """

    def __init__(
        self,
        folder: RunFolder,
        saving: Saving,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.saving = saving
        self._folder, self._clock = folder, clock
        self._saved_at = clock()

    def is_due(self) -> bool:
        """Return whether the last checkpoint is as old as it may get."""
        return self._clock() - self._saved_at >= self.saving.every

    def save(self, state: TrainingState) -> None:
        """Replace the checkpoint.

        Raises:
            StorageError: it could not be written; the one before it still stands.
        """
        try:
            save_checkpoint(self._folder.checkpoint, state.checkpoint())
        except StorageError as error:
            kept = f"; the last good checkpoint is kept, go on from it with: {self.command}"
            raise StorageError(f"{error}{kept if self.command else ''}") from None
        self._saved_at = self._clock()

    def last(self) -> Checkpoint:
        """Return the last complete checkpoint."""
        return load_checkpoint(self._folder.checkpoint)

    def add_epoch(self, record: EpochRecord) -> None:
        """Add a line to ``history.jsonl``."""
        self._folder.add_line(json.dumps(record.to_dict()))

    def replace_history(self, records: list[EpochRecord]) -> None:
        """Write ``history.jsonl`` anew: what was lost with a process has left lines in it."""
        self._folder.write_lines([json.dumps(record.to_dict()) for record in records])

    @property
    def command(self) -> str:
        """The exact command that goes on; empty before the first checkpoint."""
        if not (self._folder.checkpoint / FILE_NAME).exists():
            return ""
        return f"convwise resume {shlex.quote(str(self._folder.path))}"
