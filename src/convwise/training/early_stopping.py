"""Stopping when validation gets no better, with the weights of the best epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from convwise.model.weights import weights_of
from convwise.training.progress import EpochRecord


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the least validation loss, and whether it ended the training.

    Args:
        patience: epochs that may pass without a better one.
        epoch: number of the best epoch, from 1.
        validation_loss: in nats, after it.
        stopped: training ended because the patience did.
    """

    patience: int
    epoch: int
    validation_loss: float
    stopped: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class EarlyStopping:
    """Watches the validation loss and keeps the weights of the best epoch.

    All that it knows lies in :attr:`weights` and :attr:`facts`; a checkpoint that holds both lets
    a training go on as if it had never stopped.

    Source: Prechelt 1998, "Early stopping — but when?", the third class of criteria, with the loss
    of every epoch instead of strips.

    Args:
        patience: epochs that may pass without a lower loss; None never stops and keeps nothing.

    Example:
        >>> stopping = EarlyStopping(patience=None)
        >>> stopping.requested
        False
    """

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.weights: dict[str, Tensor] = {}
        self.facts: dict[str, Any] = {"epoch": 0, "best_epoch": 0, "best_loss": None}

    @property
    def requested(self) -> bool:
        """Whether as many epochs as the patience allows have passed without a better one."""
        waited = self.facts["epoch"] - self.facts["best_epoch"]
        return self.patience is not None and waited >= self.patience

    @property
    def best(self) -> BestEpoch | None:
        """The best epoch so far; None before the first one, or without patience."""
        if self.patience is None or not self.weights:
            return None
        return BestEpoch(
            self.patience, self.facts["best_epoch"], self.facts["best_loss"], self.requested
        )

    def observe(self, record: EpochRecord, network: nn.Module) -> None:
        """Take in an epoch that has ended; a copy of the weights is kept if it is the best."""
        if self.patience is None:
            return
        self.facts["epoch"] = record.epoch
        least = self.facts["best_loss"]
        if least is None or record.validation_loss < least:
            self.facts |= {"best_epoch": record.epoch, "best_loss": record.validation_loss}
            self.weights = {name: value.clone() for name, value in weights_of(network).items()}

    def restore(self, network: nn.Module) -> BestEpoch | None:
        """Give the network the weights of the best epoch, if any were kept."""
        best = self.best
        if best is not None:
            network.load_state_dict(self.weights)
        return best

    def __str__(self) -> str:
        best, last = self.facts["best_epoch"], self.facts["epoch"]
        kept = f"the weights are those of epoch {best}"
        if not self.requested:
            return f"the least validation loss was that of epoch {best}: {kept}"
        return (
            f"no lower validation loss for {self.patience} epochs: stopped after epoch {last};"
            f" {kept}"
        )
