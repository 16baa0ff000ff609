"""The loop of a training, put together from what was decided."""

from __future__ import annotations

import numpy as np
import torch
from torch.amp.grad_scaler import GradScaler

from convwise import kernels
from convwise.data.batches import Batches, Placed
from convwise.data.store import PixelStore
from convwise.evaluation.metrics import negative_log_likelihood
from convwise.evaluation.predict import predict_store
from convwise.image import ImageFormat
from convwise.model.trained import TrainedModel
from convwise.training.averaging import WeightAverage
from convwise.training.balance import ClassSizes
from convwise.training.decided import Decided
from convwise.training.device import CPU, Device
from convwise.training.early_stopping import EarlyStopping
from convwise.training.interrupt import StopOnSignal
from convwise.training.keeper import Keeper
from convwise.training.loop import TrainingLoop
from convwise.training.optimizer import make_optimizer
from convwise.training.precision import Race
from convwise.training.progress import Watcher
from convwise.training.pruning import Pruning
from convwise.training.recipe import Recipe
from convwise.training.resident import ResidentPictures
from convwise.training.schedule import Progress
from convwise.training.state import TrainingState
from convwise.training.transfer import layer_rates
from convwise.training.world import ALONE, World


def make_loop(
    model: TrainedModel,
    train: PixelStore,
    validation: PixelStore,
    decided: Decided,
    stop: StopOnSignal,
    keeper: Keeper,
    watcher: Watcher,
    world: World,
    device: Device = CPU,
) -> TrainingLoop:
    """Return the loop of a training that has not begun; its clock starts.

    Args:
        model: its network is going to be trained, and computes as decided.
        train: images to learn from.
        validation: images that each epoch is measured on.
        decided: recipe and precision.
        stop: tells when to stop, as ``watcher`` and the recipe's patience may too.
        keeper: is given checkpoints and history.
        watcher: told about progress.
        world: the processes that train together.
        device: that the network is on.
    """
    plan = model.network.plan
    recipe = decided.recipe
    # Dropout without a kernel draws from here; torch takes no larger number.
    torch.manual_seed(model.seed % 2**63)
    # Before the clock of Progress starts: torch's first optimizer imports for a second or more.
    rates = layer_rates(plan) if decided.start else None
    optimizer = make_optimizer(model.network, plan, recipe, rates)
    scaler = GradScaler(device.kind, enabled=decided.race.chosen == "fp16")
    if scaler.is_enabled():
        # Else torch's fused SGD begins with momentum of no value where its first step overflows.
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
    batches = training_batches(train, model.image_format, recipe, model.seed, world, device)
    # What makes batches is compiled here, and not in the time that is for learning.
    next(batches.epoch(1), None)
    # All begin to count at process 0's time.
    world.sums([])
    state = TrainingState(
        network=model.network,
        optimizer=optimizer,
        pruning=Pruning(len(train), recipe.prune_easy, model.seed),
        progress=Progress(recipe.epochs, recipe.time_limit, world.clock),
        early_stopping=EarlyStopping(recipe.patience),
        average=WeightAverage(recipe.ema),
        scaler=scaler,
    )
    state.progress.reserve(_expected_validation_seconds(decided.race, len(validation)))
    early = state.early_stopping
    weights = None
    if recipe.balance == "weights":
        weights = torch.from_numpy(ClassSizes.of(train.labels, model.classes).weights())
        weights = weights.to(device.name)
    return TrainingLoop(
        state=state,
        batches=batches,
        recipe=recipe,
        precision=decided.race.chosen,
        validate=lambda: _validated(model, validation, world, watcher),
        keeper=keeper,
        stop_requested=lambda: stop.requested or early.requested or watcher.wants_to_stop(),
        watcher=watcher,
        forward=world.wrap(model.network, sync_norm=recipe.sync_norm),
        world=world,
        class_weights=weights,
        device=device,
    )


def training_batches(
    train: PixelStore,
    image_format: ImageFormat,
    recipe: Recipe,
    seed: int,
    world: World = ALONE,
    device: Device = CPU,
) -> Batches:
    """Return the batches that a recipe trains on, made in the quickest way there is here."""
    placed: Placed | None = None
    if recipe.augmentation.only_places and not recipe.mixing and device.holds(train.images.nbytes):
        placed = ResidentPictures(train.images, device.name)
    elif kernels.available():
        from convwise.kernels.pictures import placed_pictures

        placed = placed_pictures
    return Batches(
        train,
        image_format,
        recipe.batch_size,
        seed,
        recipe.augmentation,
        recipe.mixing,
        placed,
        part=world.part,
        balanced=recipe.balance == "sampling",
    )


def _validated(
    model: TrainedModel, validation: PixelStore, world: World, watcher: Watcher
) -> tuple[float, float]:
    """Return loss and accuracy over the whole split; each process predicts a part of it."""
    store = validation
    if world.size > 1:
        store = validation.select(world.part(np.arange(len(validation))))
    probabilities = predict_store(model, store)
    watcher.validated(store, probabilities)
    right = probabilities.argmax(axis=1) == store.labels
    if world.size == 1:
        return negative_log_likelihood(store.labels, probabilities), float(right.mean())
    loss = negative_log_likelihood(store.labels, probabilities) * len(store) if len(store) else 0.0
    total, hits, count = world.sums([loss, float(right.sum()), len(store)])
    return total / count, hits / count


def _expected_validation_seconds(result: Race, images: int) -> float:
    """Guess from the race: predicting takes about a third of a training step's time."""
    return images / (3.0 * result.speed) if result.speed else 0.0
