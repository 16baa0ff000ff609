"""The training loop.

Pixels lie in memory as uint8. A step gathers a whole batch, moves and mirrors it, normalises it,
and updates the weights; no picture is ever handled on its own, and no worker process is needed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn
from torch.optim import Optimizer

from convwise.data.batches import Batch, Batches
from convwise.data.draws import draws
from convwise.errors import TrainingError
from convwise.model.modules import BatchNorm, Dropout
from convwise.training.loss import image_losses
from convwise.training.optimizer import set_learning_rate
from convwise.training.precision import Precision, computing_in
from convwise.training.progress import BatchRecord, EpochRecord, Watcher
from convwise.training.pruning import Pruning
from convwise.training.recipe import Recipe
from convwise.training.schedule import Progress, one_cycle

Ending = Literal["finished", "time limit", "interrupted", "early stopping", "callback"]


@dataclass
class TrainingLoop:
    """One training: its parts, and after :meth:`run` its history.

    Args:
        network: trained in place.
        optimizer: of the network's weights.
        batches: the training images.
        pruning: which of them an epoch leaves out.
        recipe: learning rate, smoothing and the rest.
        precision: what the forward and backward passes compute in.
        progress: counts steps and seconds.
        validate: returns loss and accuracy on the validation split.
        on_epoch_end: called after each epoch with the loop and the record, to save a checkpoint
            for example.
        stop_requested: asked after each step.
        watcher: told about each step and epoch.
        class_weights: how much an image of each class counts, float32 (classes,), with a mean over
            all images of 1; None where all count alike.
    """

    network: nn.Module
    optimizer: Optimizer
    batches: Batches
    pruning: Pruning
    recipe: Recipe
    precision: Precision
    progress: Progress
    validate: Callable[[], tuple[float, float]]
    on_epoch_end: Callable[[TrainingLoop, EpochRecord], None]
    stop_requested: Callable[[], bool]
    watcher: Watcher
    class_weights: torch.Tensor | None = None
    history: list[EpochRecord] = field(default_factory=list)

    def run(self) -> Ending:
        """Train until the epochs, the time or the user's patience are over.

        Raises:
            TrainingError: the loss is no finite number.
        """
        self.network.train()
        epoch = 0
        # At least one step, so that a run always has a history and a checkpoint.
        while not epoch or (self.progress.share < 1.0 and not self.stop_requested()):
            epoch += 1
            self._epoch(epoch)
        if self.stop_requested():
            return "interrupted"
        epochs = self.progress.epochs
        return "finished" if epochs and self.progress.epochs_done >= epochs else "time limit"

    def _epoch(self, epoch: int) -> None:
        weights = self.pruning.weights(epoch, self.progress.share)
        steps = self.batches.steps_of(epoch, weights > 0)
        sums, images, rate = _Sums(), 0, 0.0
        self.watcher.epoch_started(epoch)
        start = time.perf_counter()
        for number, batch in enumerate(self.batches.epoch(epoch, weights > 0), start=1):
            share = self.progress.share
            rate = self.recipe.peak_learning_rate * one_cycle(share, self.recipe.warmup)
            set_learning_rate(self.optimizer, rate)
            self._warm_up_statistics()
            weight = torch.from_numpy(weights[batch.positions])
            self._set_dropout_keys(batch, epoch)
            sums.add(*self._step(batch, weight, where=f"epoch {epoch}, step {number}"))
            images += len(batch.labels)
            self.progress.step += 1
            self.progress.epochs_done = epoch - 1 + number / steps
            speed = images / (time.perf_counter() - start)
            self.watcher.step(epoch, number, self.progress.share, sums.mean_loss, speed)
            self.watcher.batch(BatchRecord(epoch, number, sums.mean_loss, sums.accuracy, rate))
            if self.progress.share >= 1.0 or self.stop_requested():
                break
        self._finish_epoch(epoch, sums.mean_loss, sums.accuracy, rate, speed)

    def _warm_up_statistics(self) -> None:
        """Let the moving statistics of normalisation follow fast at first.

        With Keras's momentum of 0.99 they would need some 300 steps to forget that they started
        from 0 and 1, and a short training would end with a network that errs only in prediction.
        """
        step = self.progress.step
        for module in self.network.modules():
            if isinstance(module, BatchNorm):
                module.momentum_limit = (1 + step) / (10 + step)

    def _set_dropout_keys(self, batch: Batch, epoch: int) -> None:
        """Let each image's masks depend on (seed, epoch, image) and the layer alone."""
        dropouts = (module for module in self.network.modules() if isinstance(module, Dropout))
        for number, module in enumerate(dropouts):
            module.keys = draws("dropout", self.batches.seed, epoch, number, counters=batch.keys)

    def _step(self, batch: Batch, weight: torch.Tensor, where: str) -> tuple[float, float, float]:
        """Update the weights; return the sums of losses, of right answers and of weights."""
        self.optimizer.zero_grad(set_to_none=True)
        with computing_in(self.precision):
            logits = self.network(batch.inputs)
        losses = self._losses(logits.float(), batch)
        # Divided by the number of images, not by their weights: so the step stays unbiased.
        loss = (losses * weight).mean()
        value = loss.item()
        _require_finite(value, where, self.recipe)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.pruning.learn(batch.positions, losses.detach().double().numpy())
        right = weight[logits.detach().argmax(dim=1) == batch.labels].sum().item()
        return value * len(batch.labels), right, weight.sum().item()

    def _losses(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of each image, (batch,); a mixed one has a share of two."""
        return image_losses(logits, batch, self.recipe.label_smoothing, self.class_weights)

    def _finish_epoch(
        self, epoch: int, loss: float, accuracy: float, rate: float, speed: float
    ) -> None:
        start = time.perf_counter()
        validation_loss, validation_accuracy = self.validate()
        _require_finite(validation_loss, f"epoch {epoch}, validation", self.recipe)
        self.network.train()
        self.progress.reserve(time.perf_counter() - start)
        record = EpochRecord(
            epoch=epoch,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=rate,
            seconds=self.progress.seconds,
            images_per_second=speed,
        )
        self.history.append(record)
        self.on_epoch_end(self, record)
        self.watcher.epoch(record)


@dataclass
class _Sums:
    """Weighted sums over an epoch, so that images left out are stood for by others."""

    loss: float = 0.0
    right: float = 0.0
    weight: float = 0.0

    def add(self, loss: float, right: float, weight: float) -> None:
        self.loss, self.right, self.weight = (
            self.loss + loss,
            self.right + right,
            self.weight + weight,
        )

    @property
    def mean_loss(self) -> float:
        return self.loss / self.weight

    @property
    def accuracy(self) -> float:
        return self.right / self.weight


def _require_finite(loss: float, where: str, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"{where}: the loss is {loss}, so the weights have run away;"
            f" train again with a lower --lr than {recipe.peak_learning_rate:g}"
        )
