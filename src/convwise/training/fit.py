"""Train a network on pixels: race the precisions, then run the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from convwise import kernels
from convwise.data.batches import Batches, Placed, to_input
from convwise.data.store import PixelStore
from convwise.design.plan import Plan
from convwise.errors import DataError, DesignError, OptionError
from convwise.evaluation.metrics import negative_log_likelihood
from convwise.evaluation.predict import predict_store
from convwise.image import ImageFormat
from convwise.model.allocator import keep_freed_memory
from convwise.model.build import build
from convwise.model.race import Heat, LayerRace
from convwise.model.trained import TrainedModel
from convwise.training.interrupt import StopOnInterrupt
from convwise.training.kept_race import race_once
from convwise.training.layer_precision import race_layers, use_layers
from convwise.training.loop import Ending, TrainingLoop
from convwise.training.optimizer import make_optimizer, resolve_optimizer
from convwise.training.precision import Race, Tune, time_trial
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.pruning import Pruning
from convwise.training.recipe import Recipe
from convwise.training.schedule import Progress

PrecisionChoice = Literal["auto", "fp32", "bf16"]
OnStart = Callable[[Race, Recipe, tuple[Heat, ...]], None]


@dataclass(frozen=True)
class Fitted:
    """A trained model and how it came about.

    Args:
        model: with the final weights.
        history: a record for each epoch.
        race: which precision was chosen, and why.
        ending: ``finished``, ``time limit`` or ``interrupted``.
        seconds: of training, validation between epochs included.
    """

    model: TrainedModel
    history: tuple[EpochRecord, ...]
    race: Race
    ending: Ending
    seconds: float


def fit_model(
    plan: Plan,
    train: PixelStore,
    validation: PixelStore,
    *,
    image_format: ImageFormat,
    classes: tuple[str, ...],
    name: str,
    recipe: Recipe,
    seed: int,
    precision: PrecisionChoice,
    watcher: Watcher,
    data_options: Mapping[str, Any] | None = None,
    fuse: bool = True,
    on_start: OnStart = lambda race, recipe, heats: None,
    on_epoch_end: Callable[[TrainingLoop, EpochRecord], None] = lambda loop, record: None,
) -> Fitted:
    """Build the network of a plan and train it.

    Args:
        plan: a plan without a problem, for images of ``image_format`` and these classes.
        train: images to learn from.
        validation: images that only the record of each epoch is measured on.
        image_format: with the mean and spread of the training images.
        classes: their names.
        name: of the network, for people.
        recipe: how to train.
        seed: of the first weights, the order, the augmentation and dropout.
        precision: ``auto`` races fp32 against bf16.
        watcher: told about progress.
        data_options: with which the images were read and split; the model remembers them.
        fuse: compute neighbouring layers together, and by kernels where these win a race.
        on_start: called before the first step with the result of the race, with the recipe in which
            every choice that was left open is made, and with how the layers' kernels did.
        on_epoch_end: called with the loop and the record of each epoch.

    Raises:
        DataError: there are fewer than two training images.
        DesignError: the network has no weights.
        OptionError: the precision is unknown.
        TrainingError: the loss is no number.
    """
    if precision not in get_args(PrecisionChoice):
        raise OptionError(f"precision {precision!r}: use {', '.join(get_args(PrecisionChoice))}")
    if not plan.trainable_params:
        raise DesignError("the network has no weights to train", fixes=("add dense classes",))
    if len(train) < 2:
        raise DataError(f"{len(train)} training images are too few to learn from")
    keep_freed_memory()
    recipe = resolve_optimizer(recipe, plan)
    torch.manual_seed(seed % 2**63)  # torch takes no larger number
    network = build(plan, seed=seed, fuse=fuse)
    model = TrainedModel(
        network, image_format, classes, name=name, seed=seed, data_options=data_options or {}
    )
    result, heats = _race(model, train, recipe.batch_size, precision, watcher, fuse=fuse)
    recipe = _resolved(recipe, len(train), result)
    on_start(result, recipe, heats)
    batches = training_batches(train, image_format, recipe, seed)

    def validate() -> tuple[float, float]:
        probabilities = predict_store(model, validation)
        right = probabilities.argmax(axis=1) == validation.labels
        return negative_log_likelihood(validation.labels, probabilities), float(right.mean())

    epochs = recipe.epochs
    watcher.started(epochs, len(batches), recipe.time_limit)
    with StopOnInterrupt(
        lambda: watcher.message("stopping after this step; Ctrl-C again to stop at once")
    ) as interrupt:
        progress = Progress(epochs, recipe.time_limit)
        progress.reserve(_expected_validation_seconds(result, len(validation)))
        loop = TrainingLoop(
            network=network,
            optimizer=make_optimizer(network, plan, recipe),
            batches=batches,
            pruning=Pruning(len(train), recipe.prune_easy, seed),
            recipe=recipe,
            precision=result.chosen,
            progress=progress,
            validate=validate,
            on_epoch_end=on_epoch_end,
            stop_requested=lambda: interrupt.requested,
            watcher=watcher,
        )
        ending = loop.run()
        seconds = progress.seconds
    network.eval()
    return Fitted(model, tuple(loop.history), result, ending, seconds)


def training_batches(
    train: PixelStore, image_format: ImageFormat, recipe: Recipe, seed: int
) -> Batches:
    """Return the batches that a recipe trains on, made in the quickest way there is here."""
    placed: Placed | None = None
    if kernels.available():
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
    )


def _race(
    model: TrainedModel,
    store: PixelStore,
    batch_size: int,
    precision: PrecisionChoice,
    watcher: Watcher,
    *,
    fuse: bool,
) -> tuple[Race, tuple[Heat, ...]]:
    """Choose the precision and the kernels, and let the network use these."""
    chosen = np.linspace(0, len(store) - 1, min(batch_size, len(store))).astype(np.int64)
    images = to_input(store.take(chosen), model.image_format)
    labels = torch.from_numpy(store.labels[chosen])
    network = model.network
    fused = LayerRace(network, images) if fuse and kernels.available() else None
    tune: Tune = (lambda network, number: None) if fused is None else fused.run
    if precision == "auto":
        watcher.message("racing fp32 against bf16, and kernels against torch, on the real network")
    layers = () if precision == "fp32" else race_layers(network, images)
    use_layers(layers, network)
    if precision == "auto":
        name = f"{network.plan.network.to_text()} {network.plan.classes} {fuse}"
        result = race_once(name, network, images, labels, tune, layers)
    else:
        result = time_trial(network, images, labels, precision, tune, layers)
    if fused is None:
        return result, ()
    fused.apply(network)
    return result, tuple(fused.heats)


def _resolved(recipe: Recipe, images: int, result: Race) -> Recipe:
    """Return the recipe with the number of epochs, and what depends on it, chosen."""
    epochs = recipe.epochs_for(images)
    expected = float(epochs or 0)
    if recipe.time_limit and result.speed:
        by_clock = recipe.time_limit * result.speed / images
        expected = min(expected or by_clock, by_clock)
    chosen = {"epochs": epochs, "shift": recipe.shift_for(expected)}
    if recipe.mixing:
        chosen["prune_easy"] = 0
    return recipe.model_copy(update=chosen)


def _expected_validation_seconds(result: Race, images: int) -> float:
    """Guess from the race: predicting takes about a third of a training step's time."""
    return images / (3.0 * result.speed) if result.speed else 0.0
