"""Train a network on pixels: decide what is open, then run the loop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import numpy as np
import torch

from convwise import kernels
from convwise.data.batches import Batches, Placed
from convwise.data.store import PixelStore
from convwise.design.plan import Plan
from convwise.errors import DataError, DesignError, DivergedError, OptionError
from convwise.evaluation.metrics import negative_log_likelihood
from convwise.evaluation.predict import predict_store
from convwise.evaluation.temperature import Scaling, validation_scaling
from convwise.image import ImageFormat
from convwise.model.allocator import keep_freed_memory
from convwise.model.build import build
from convwise.model.pretrained.start import Start
from convwise.model.trained import TrainedModel
from convwise.training.averaging import WeightAverage
from convwise.training.balance import ClassSizes
from convwise.training.checkpoint import Checkpoint
from convwise.training.decided import Decided, PrecisionChoice, decide
from convwise.training.early_stopping import BestEpoch, EarlyStopping
from convwise.training.interrupt import StopOnSignal
from convwise.training.keeper import Keeper
from convwise.training.loop import Ending, TrainingLoop
from convwise.training.memory import enough_memory
from convwise.training.optimizer import make_optimizer
from convwise.training.precision import Race
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.pruning import Pruning
from convwise.training.recipe import Recipe
from convwise.training.schedule import Progress
from convwise.training.state import Setback, TrainingState
from convwise.training.transfer import (
    HeadTraining,
    fill,
    layer_rates,
    require_fit,
    train_head,
    transfer_recipe,
)
from convwise.training.world import ALONE, World

MOST_SETBACKS = 8


@dataclass(frozen=True)
class Fitted:
    """A trained model and how it came about.

    Args:
        model: with the final weights.
        history: a record for each epoch.
        race: which precision was chosen, and why.
        ending: ``finished``, ``time limit``, ``interrupted``, ``early stopping`` or ``callback``.
        seconds: of training, validation between epochs included.
        setbacks: how often training ran away and was taken back.
        scaling: the temperature that the model has, and why; None where it was not asked for.
        best: the epoch whose weights the model has; None without early stopping.
        head: how the head was trained alone, where this call began with a trained network.
    """

    model: TrainedModel
    history: tuple[EpochRecord, ...]
    race: Race
    ending: Ending
    seconds: float
    setbacks: tuple[Setback, ...] = ()
    scaling: Scaling | None = None
    best: BestEpoch | None = None
    head: HeadTraining | None = None


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
    start: Start | None = None,
    calibrate: bool = True,
    keeper: Keeper | None = None,
    stop: StopOnSignal | None = None,
    on_start: Callable[[Decided], None] = lambda decided: None,
    resume: tuple[Decided, Checkpoint] | None = None,
    world: World = ALONE,
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
        keeper: is given checkpoints and history; nothing is kept unless given.
        start: the weights to begin with; ``plan`` is that of its network with a new head.
        stop: tells when to stop; Ctrl-C does unless given.
        on_start: called before the first step with what was left open until then.
        resume: go on from this checkpoint, with what was decided when the training began;
            ``recipe``, ``precision``, ``fuse`` and ``start`` are not looked at.
        world: the processes that train together; process 0 decides, and is given as ``keeper`` and
            ``watcher`` what writes and tells.
        calibrate: fit the model's temperature to the validation images.

    Raises:
        CheckpointError: the checkpoint is of another training.
        DataError: there are fewer than two training images.
        DesignError: the network has no weights.
        ModelFileError: the weights of ``start`` do not fit.
        DivergedError: the loss is no number.
        OptionError: the precision is unknown.
        StorageError: the keeper could not write.
        TrainingError: there is not enough memory for a batch.
    """
    _require_trainable(plan, train, precision)
    keep_freed_memory()
    fuse = resume[0].fuse if resume else fuse
    network = build(plan, seed=seed, fuse=fuse)
    model = TrainedModel(
        network, image_format, classes, name=name, seed=seed, data_options=data_options or {}
    )
    start = None if resume else start
    if start is not None:
        require_fit(start, plan, recipe)
        recipe = transfer_recipe(recipe, len(train))
        fill(network, start)
    decided = resume[0] if resume else None
    if decided is None and world.leads:
        with enough_memory(model, train, recipe.batch_size, "fp32"):
            decided = decide(model, plan, train, recipe, precision, watcher, fuse=fuse)
    decided = world.agreed(decided)
    if start is not None:
        decided = decided.beginning_with(start.facts())
    decided.prepare(model)
    with contextlib.ExitStack() as stack:
        stop = stop or stack.enter_context(StopOnSignal.told_to(watcher))
        head = None
        if start is not None:
            head = _trained_head(model, train, decided.recipe, stop, watcher, world)
            decided = decided.beginning_with({"head": asdict(head)})
        on_start(decided)
        loop = _loop(model, plan, train, validation, decided, keeper or Keeper(), watcher, world)
        if head is not None:
            loop.state.progress.prepared(head.seconds)
        early = loop.state.early_stopping
        loop.stop_requested = lambda: stop.requested or early.requested or watcher.wants_to_stop()
        loop.begin(resume[1] if resume else None)
        with enough_memory(model, train, decided.recipe.batch_size, decided.race.chosen):
            ending = _run(loop)
        if ending == "interrupted" and not stop.requested:
            ending = _why_stopped(early, watcher)
        seconds = loop.state.progress.seconds
    if loop.state.average.weights:
        network.load_state_dict(loop.state.average.weights)
    best = early.restore(network)
    if best is not None:
        watcher.message(str(early))
    network.eval()
    watcher.ended()
    scaling = validation_scaling(model, validation) if calibrate and world.leads else None
    if scaling is not None:
        watcher.message(str(scaling))
        model = replace(model, temperature=scaling.temperature)
    state = loop.state
    return Fitted(
        model,
        tuple(state.history),
        decided.race,
        ending,
        seconds,
        tuple(state.setbacks),
        scaling,
        best,
        head,
    )


def _trained_head(
    model: TrainedModel,
    train: PixelStore,
    recipe: Recipe,
    stop: StopOnSignal,
    watcher: Watcher,
    world: World,
) -> HeadTraining:
    """Train the head, with several processes in each, so that none waits long for another.

    They go on with process 0's head, which :meth:`World.wrap` gives them.
    """
    head = train_head(
        model,
        train,
        recipe=recipe,
        seed=model.seed,
        stop_requested=lambda: stop.requested,
        watcher=watcher,
    )
    return world.agreed(head)


def _why_stopped(early: EarlyStopping, watcher: Watcher) -> Ending:
    if early.requested:
        return "early stopping"
    return "callback" if watcher.wants_to_stop() else "interrupted"


def _require_trainable(plan: Plan, train: PixelStore, precision: PrecisionChoice) -> None:
    if precision not in get_args(PrecisionChoice):
        raise OptionError(f"precision {precision!r}: use {', '.join(get_args(PrecisionChoice))}")
    if not plan.trainable_params:
        raise DesignError("the network has no weights to train", fixes=("add dense classes",))
    if len(train) < 2:
        raise DataError(f"{len(train)} training images are too few to learn from")


def _loop(
    model: TrainedModel,
    plan: Plan,
    train: PixelStore,
    validation: PixelStore,
    decided: Decided,
    keeper: Keeper,
    watcher: Watcher,
    world: World,
) -> TrainingLoop:
    """Return the loop of a training that has not begun."""
    recipe = decided.recipe
    # Dropout without a kernel draws from here; torch takes no larger number.
    torch.manual_seed(model.seed % 2**63)
    # Before the clock of Progress starts: torch's first optimizer imports for a second or more.
    rates = layer_rates(plan) if decided.start else None
    optimizer = make_optimizer(model.network, plan, recipe, rates)
    batches = training_batches(train, model.image_format, recipe, model.seed, world)
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
    )
    state.progress.reserve(_expected_validation_seconds(decided.race, len(validation)))
    weights = None
    if recipe.balance == "weights":
        weights = torch.from_numpy(ClassSizes.of(train.labels, model.classes).weights())
    return TrainingLoop(
        state=state,
        batches=batches,
        recipe=recipe,
        precision=decided.race.chosen,
        validate=lambda: _validated(model, validation, world, watcher),
        keeper=keeper,
        stop_requested=lambda: False,
        watcher=watcher,
        forward=world.wrap(model.network, sync_norm=recipe.sync_norm),
        world=world,
        class_weights=weights,
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


def _run(loop: TrainingLoop) -> Ending:
    """Run the loop; where it runs away, go back and try with half the learning rate, if asked."""
    while True:
        try:
            return loop.run()
        except DivergedError as error:
            setbacks = loop.state.setbacks
            if loop.keeper.saving.on_nan == "stop" or len(setbacks) == MOST_SETBACKS:
                raise
            loop.go_back(error.reason)


def training_batches(
    train: PixelStore, image_format: ImageFormat, recipe: Recipe, seed: int, world: World = ALONE
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
        part=world.part,
        balanced=recipe.balance == "sampling",
    )


def _expected_validation_seconds(result: Race, images: int) -> float:
    """Guess from the race: predicting takes about a third of a training step's time."""
    return images / (3.0 * result.speed) if result.speed else 0.0
