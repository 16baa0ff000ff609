"""The state of a training: all that its next step depends on, in one place.

The order of images, their augmentation and dropout's masks are functions of (seed, epoch, image),
so no more of them needs keeping than the numbers of the epoch and of the step in it. Which kernels
and which precision compute, is decided once and stands in ``run.json``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from convwise.errors import CheckpointError
from convwise.model.weights import weights_of
from convwise.training.averaging import WeightAverage
from convwise.training.checkpoint import Checkpoint
from convwise.training.early_stopping import EarlyStopping
from convwise.training.progress import EpochRecord
from convwise.training.pruning import Pruning
from convwise.training.schedule import Progress

_NETWORK, _OPTIMIZER, _BEST, _AVERAGE = "network.", "optimizer.", "best.", "average."
_LAST_LOSSES, _IMAGE_WEIGHTS, _RANDOM = "last_losses", "image_weights", "random_state"


@dataclass
class EpochSoFar:
    """How far the present epoch has come.

    Sums are weighted, so that images that are left out are stood for by others.

    Args:
        number: of the epoch, from 1.
        image_weights: how much each training image counts, (images,); None before the first step.
        steps: taken in this epoch.
        images: trained on.
        seconds: of training, without validation and checkpoints.
        loss: sum of losses.
        right: sum of right answers.
        weight: sum of weights.
        learning_rate: of the last step.
    """

    number: int = 1
    image_weights: NDArray[np.float32] | None = None
    steps: int = 0
    images: int = 0
    seconds: float = 0.0
    loss: float = 0.0
    right: float = 0.0
    weight: float = 0.0
    learning_rate: float = 0.0

    def add(self, images: int, loss: float, right: float, weight: float) -> None:
        """Count a step on so many images, with the sums over them."""
        self.steps, self.images = self.steps + 1, self.images + images
        self.loss, self.right, self.weight = (
            self.loss + loss,
            self.right + right,
            self.weight + weight,
        )

    @property
    def mean_loss(self) -> float:
        """Mean loss of an image."""
        return self.loss / self.weight

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.right / self.weight

    @property
    def images_per_second(self) -> float:
        """Speed of training."""
        return self.images / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Setback:
    """Training ran away, and was taken back to a checkpoint with half the learning rate.

    Args:
        reason: where, and what was no number.
        back_to: in words, where training went on.
        learning_rate_factor: what the recipe's rates are multiplied by from there on.
    """

    reason: str
    back_to: str
    learning_rate_factor: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass
class TrainingState:
    """One training at one moment.

    Args:
        network: with its weights and moving statistics.
        optimizer: with its momentum and the like.
        pruning: with the last loss of each image.
        progress: steps, epochs and seconds.
        epoch: the present one; a new one where the last is complete.
        history: a record for each complete epoch.
        learning_rate_factor: what the recipe's rates are multiplied by.
        setbacks: why that is below 1.
        early_stopping: the best epoch so far, and its weights.
        average: of the weights over the last steps.
        scaler: of losses in fp16, whose scale follows the gradients; switched off elsewhere.
    """

    network: nn.Module
    optimizer: Optimizer
    pruning: Pruning
    progress: Progress
    epoch: EpochSoFar = field(default_factory=EpochSoFar)
    history: list[EpochRecord] = field(default_factory=list)
    learning_rate_factor: float = 1.0
    setbacks: list[Setback] = field(default_factory=list)
    early_stopping: EarlyStopping = field(default_factory=lambda: EarlyStopping(None))
    average: WeightAverage = field(default_factory=lambda: WeightAverage(0.0))
    scaler: GradScaler = field(default_factory=lambda: GradScaler("cpu", enabled=False))

    @property
    def place(self) -> str:
        """Where training is, in words."""
        if self.epoch.steps:
            return f"epoch {self.epoch.number}, step {self.epoch.steps}"
        return f"the end of epoch {self.epoch.number - 1}" if self.history else "the start"

    def checkpoint(self) -> Checkpoint:
        """Return the state as tensors and facts; the tensors may share memory with it."""
        tensors = {_NETWORK + name: value for name, value in weights_of(self.network).items()}
        for name, weight in self.network.named_parameters():
            for quantity, value in self.optimizer.state.get(weight, {}).items():
                if isinstance(value, Tensor):
                    tensors[f"{_OPTIMIZER}{name}.{quantity}"] = value.detach().cpu().contiguous()
        tensors |= {_BEST + name: value for name, value in self.early_stopping.weights.items()}
        averages = self.average.weights
        tensors |= {_AVERAGE + name: value.cpu().contiguous() for name, value in averages.items()}
        tensors[_LAST_LOSSES] = torch.from_numpy(self.pruning.last_losses)
        if self.epoch.image_weights is not None:
            tensors[_IMAGE_WEIGHTS] = torch.from_numpy(self.epoch.image_weights)
        # Dropout draws from it where there is no kernel.
        tensors[_RANDOM] = torch.get_rng_state()
        return Checkpoint(tensors, self._facts())

    def _facts(self) -> dict[str, Any]:
        epoch = {
            each.name: getattr(self.epoch, each.name)
            for each in fields(EpochSoFar)
            if each.name != "image_weights"
        }
        return {
            "epoch": epoch,
            "progress": self.progress.to_dict(),
            "history": [record.to_dict() for record in self.history],
            "learning_rate_factor": self.learning_rate_factor,
            "setbacks": [setback.to_dict() for setback in self.setbacks],
            "early_stopping": self.early_stopping.facts,
            "loss_scale": self.scaler.state_dict(),
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what was saved, to the bit.

        Raises:
            CheckpointError: it is of another network, another data set or another optimizer.
        """
        try:
            self.network.load_state_dict(checkpoint.below(_NETWORK))
            self._restore_optimizer(checkpoint.below(_OPTIMIZER))
            self.pruning.last_losses[:] = checkpoint.tensors[_LAST_LOSSES].numpy()
            torch.set_rng_state(checkpoint.tensors[_RANDOM])
            facts = checkpoint.facts
            weights = checkpoint.tensors.get(_IMAGE_WEIGHTS)
            self.epoch = EpochSoFar(**facts["epoch"])
            self.epoch.image_weights = None if weights is None else weights.numpy().copy()
            self.progress.restore(facts["progress"])
            self.history[:] = [EpochRecord(**record) for record in facts["history"]]
            self.learning_rate_factor = facts["learning_rate_factor"]
            self.setbacks[:] = [Setback(**setback) for setback in facts["setbacks"]]
            self.early_stopping.weights = checkpoint.below(_BEST)
            self.average.restore(checkpoint.below(_AVERAGE), self.network)
            self.early_stopping.facts = dict(facts["early_stopping"])
            if self.scaler.is_enabled() and facts.get("loss_scale"):
                self.scaler.load_state_dict(facts["loss_scale"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"the checkpoint is of another training ({error})") from None

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        self.optimizer.state.clear()
        weights = dict(self.network.named_parameters())
        for key, value in tensors.items():
            name, _, quantity = key.rpartition(".")
            weight = weights[name]
            # In the weight's own memory order, in which the optimizer had made it.
            alike = value.shape == weight.shape
            like = torch.empty_like(weight if alike else value, device=weight.device)
            self.optimizer.state[weight][quantity] = like.detach().copy_(value)
