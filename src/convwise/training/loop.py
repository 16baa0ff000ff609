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

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import Batch, Batches
from convwise.errors import DivergedError
from convwise.training.before_step import seed_masks, set_dropout_keys, warm_up_statistics
from convwise.training.checkpoint import Checkpoint
from convwise.training.device import CPU, Device
from convwise.training.interrupt import Overdue
from convwise.training.keeper import Keeper
from convwise.training.loss import image_losses
from convwise.training.optimizer import set_learning_rate
from convwise.training.precision import Precision, computing_in
from convwise.training.progress import BatchRecord, EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.schedule import one_cycle
from convwise.training.state import EpochSoFar, Setback, TrainingState
from convwise.training.world import ALONE, World

Ending = Literal["finished", "time limit", "interrupted", "early stopping", "callback"]


@dataclass
class TrainingLoop:
    """Takes a training from the state in which it is to its end.

    Args:
        state: changed by each step; what it holds decides, with the rest, every later bit.
        batches: the training images.
        recipe: learning rate, smoothing and the rest.
        precision: what the forward and backward passes compute in.
        forward: the network, or what averages its gradients over processes.
        validate: returns loss and accuracy on the validation split.
        keeper: is given the state at each epoch's end, when it is due, and before a stop.
        stop_requested: asked after each step.
        watcher: told about each step and epoch.
        world: the processes that train together.
        class_weights: how much an image of each class counts, float32 (classes,), with a mean over
            all images of 1; None where all count alike.
        device: that the network is on.

    Attributes:
        stopping: whether all processes have agreed to stop.
    """

    state: TrainingState
    batches: Batches
    recipe: Recipe
    precision: Precision
    validate: Callable[[], tuple[float, float]]
    keeper: Keeper
    stop_requested: Callable[[], bool]
    watcher: Watcher
    forward: Callable[[torch.Tensor], torch.Tensor] | None = None
    world: World = ALONE
    class_weights: torch.Tensor | None = None
    device: Device = CPU
    stopping: bool = field(default=False, init=False)

    def begin(self, checkpoint: Checkpoint | None = None) -> None:
        """Keep the first state, or go on from one that was kept.

        Raises:
            CheckpointError: the checkpoint is of another training.
            StorageError: the state could not be kept.
        """
        if checkpoint is None:
            self.keeper.save(self.state)
        else:
            self.state.restore(checkpoint)
            self.keeper.replace_history(self.state.history)
        progress = self.state.progress
        self.watcher.started(progress.epochs, len(self.batches), progress.time_limit)

    def go_back(self, reason: str) -> None:
        """Return to what was kept last, with half the learning rate.

        Args:
            reason: why, for people.
        """
        factor, setbacks = self.state.learning_rate_factor / 2, self.state.setbacks[:]
        spent = self.state.progress.seconds
        self.state.restore(self.keeper.last())
        # A time limit goes on meanwhile.
        self.state.progress.restore(self.state.progress.to_dict() | {"seconds": spent})
        self.state.learning_rate_factor = factor
        self.state.setbacks[:] = [*setbacks, Setback(reason, self.state.place, factor)]
        self.keeper.replace_history(self.state.history)
        self.keeper.save(self.state)
        self.watcher.message(f"{reason}: back to {self.state.place}, at half the learning rate")

    def run(self) -> Ending:
        """Train until the epochs, the time or the user's patience are over.

        Raises:
            DivergedError: the loss or a weight is no finite number; nothing of it was kept.
            StorageError: a checkpoint could not be written.
        """
        self.state.network.train()
        progress = self.state.progress
        # At least one step, so that a run always has a history; and no epoch is left half done.
        while (
            not progress.step
            or self.state.epoch.steps
            or (progress.share < 1.0 and not self.stopping)
        ):
            self._epoch()
            self._agree()
        if progress.share < 1.0 and self.stopping:
            return "interrupted"
        epochs = progress.epochs
        return "finished" if epochs and progress.epochs_done >= epochs else "time limit"

    def _epoch(self) -> None:
        """Take the steps that the epoch still has, and end it."""
        epoch, progress = self.state.epoch, self.state.progress
        if epoch.image_weights is None:
            epoch.image_weights = self.state.pruning.weights(epoch.number, progress.share)
        kept = epoch.image_weights > 0
        steps = self.batches.steps_of(epoch.number, kept)
        self.watcher.epoch_started(epoch.number)
        begun = time.perf_counter()
        for batch in self.batches.epoch(epoch.number, kept, done=epoch.steps):
            self._step(batch, epoch.image_weights[batch.positions])
            progress.epochs_done = epoch.number - 1 + epoch.steps / steps
            epoch.seconds += time.perf_counter() - begun
            self.watcher.step(
                epoch.number,
                epoch.steps,
                progress.share,
                epoch.mean_loss,
                epoch.images_per_second,
            )
            self.watcher.batch(
                BatchRecord(
                    epoch.number,
                    epoch.steps,
                    epoch.mean_loss,
                    epoch.accuracy,
                    epoch.learning_rate,
                )
            )
            due = self._agree()
            if progress.share >= 1.0 or self.stopping:
                break
            if due:
                self._save()
            begun = time.perf_counter()
        stopped = self.stopping
        if stopped:
            # First of all: whoever asked to stop may not wait for the validation.
            self._save()
        self._finish_epoch()
        if not stopped or progress.share >= 1.0 or epoch.steps == steps:
            self._save()

    def _agree(self) -> bool:
        """Stop where one process is asked to; return whether process 0 finds a checkpoint due."""
        due = self.world.leads and self.keeper.is_due()
        stops, dues = self.world.sums([self.stop_requested(), due])
        self.stopping = self.stopping or stops > 0
        return dues > 0

    def _step(self, batch: Batch, weights: NDArray[np.float32]) -> None:
        epoch, progress = self.state.epoch, self.state.progress
        rate = self.recipe.peak_learning_rate * self.state.learning_rate_factor
        epoch.learning_rate = rate * one_cycle(progress.share, self.recipe.warmup)
        set_learning_rate(self.state.optimizer, epoch.learning_rate)
        warm_up_statistics(self.state.network, progress.step)
        set_dropout_keys(self.state.network, self.batches.seed, epoch.number, batch.keys)
        if self.device.accelerated:
            seed_masks(self.batches.seed, progress.step, self.world.rank)
        here = self.device.name
        epoch.add(*self._update(batch.to(here), torch.from_numpy(weights).to(here)))
        self.state.average.update(self.state.network, progress.step)
        progress.step += 1

    def _update(self, batch: Batch, weight: torch.Tensor) -> tuple[int, float, float, float]:
        """Update the weights.

        Returns:
            The number of images, and the sums of losses, of right answers and of weights; of all
            processes.
        """
        self.state.optimizer.zero_grad(set_to_none=True)
        with computing_in(self.precision, self.device.kind):
            logits = (self.forward or self.state.network)(batch.inputs)
        losses = self._losses(logits.float(), batch)
        loss = (losses * weight).sum()
        right = weight[logits.detach().argmax(dim=1) == batch.labels].sum()
        # At once: a GPU is waited for where its numbers are read.
        sums_of_batch = torch.stack([loss.detach(), right, weight.sum()])
        told = torch.cat([sums_of_batch, losses.detach()]).cpu()
        count, *sums = self.world.sums([len(batch.labels), *told[:3].tolist()])
        self._require_finite(sums[0], f"step {self.state.epoch.steps + 1}")
        # Divided by the number of images, not by their weights: so the step stays unbiased.
        # Several processes' gradients are averaged, so each one's must be so many times as large.
        scaler = self.state.scaler
        scaler.scale(loss * (self.world.size / count)).backward()  # type: ignore[no-untyped-call]
        scaler.step(self.state.optimizer)
        scaler.update()
        self.state.pruning.learn(batch.positions, told[3:].double().numpy())
        return int(count), sums[0], sums[1], sums[2]

    def _losses(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of each image, (batch,); a mixed one has a share of two."""
        return image_losses(logits, batch, self.recipe.smoothing, self.class_weights)

    def _finish_epoch(self) -> None:
        """Validate, record the epoch, and turn to the next one."""
        epoch, progress = self.state.epoch, self.state.progress
        start = time.perf_counter()
        network = self.state.network
        try:
            with self.state.average.in_place(network):
                validation_loss, validation_accuracy = self.validate()
        except Overdue:
            self._save()
            raise
        self._require_finite(validation_loss, "validation")
        network.train()
        # Process 0's, or each would have another learning rate.
        spent = time.perf_counter() - start
        progress.reserve(self.world.agreed(spent if self.world.leads else None))
        record = EpochRecord(
            epoch=epoch.number,
            train_loss=epoch.mean_loss,
            train_accuracy=epoch.accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=epoch.learning_rate,
            seconds=progress.seconds,
            images_per_second=epoch.images_per_second,
        )
        self.state.history.append(record)
        with self.state.average.in_place(network):
            self.state.early_stopping.observe(record, network)
        self.state.pruning.share_with(self.world)
        self.state.epoch = EpochSoFar(epoch.number + 1)
        self.keeper.add_epoch(record)
        self.watcher.epoch(record)

    def _save(self) -> None:
        """Give the state to the keeper, unless it is no longer worth keeping."""
        self.state.pruning.share_with(self.world)
        for name, value in self.state.network.state_dict().items():
            if not torch.isfinite(value).all():
                raise self._diverged(f"{self.state.place}: {name} holds values that are no numbers")
        self.keeper.save(self.state)

    def _require_finite(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            epoch = self.state.epoch.number
            raise self._diverged(f"epoch {epoch}, {where}: the loss is {loss}")

    def _diverged(self, reason: str) -> DivergedError:
        rate = self.recipe.peak_learning_rate * self.state.learning_rate_factor
        advice = f"train again with a lower --lr than {rate:g}"
        if self.keeper.command:
            advice += f", or halve it from the last checkpoint on: {self.keeper.command}"
            advice += " --on-nan retry"
        return DivergedError(reason, advice)
