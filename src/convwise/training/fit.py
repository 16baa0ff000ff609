"""Train a network on pixels: decide what is open, then run the loop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from convwise.data.store import PixelStore
from convwise.design.plan import Plan
from convwise.errors import DataError, DesignError, DivergedError
from convwise.evaluation.temperature import Scaling, validation_scaling
from convwise.image import ImageFormat
from convwise.model.allocator import keep_freed_memory
from convwise.model.build import build
from convwise.model.pretrained.start import Start
from convwise.model.trained import TrainedModel
from convwise.training.checkpoint import Checkpoint
from convwise.training.computing import PrecisionChoice
from convwise.training.decided import Decided, decide
from convwise.training.device import CPU, Device
from convwise.training.early_stopping import BestEpoch
from convwise.training.interrupt import StopOnSignal
from convwise.training.keeper import Keeper
from convwise.training.loop import Ending, TrainingLoop
from convwise.training.make_loop import make_loop
from convwise.training.memory import enough_memory
from convwise.training.precision import Race
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.state import Setback, TrainingState
from convwise.training.transfer import (
    HeadTraining,
    fill,
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
    device: Device = CPU,
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
        precision: ``auto`` races fp32 against bf16, or what halves the bits on a GPU.
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
        device: that training computes on; the model that is returned is on the processor.

    Raises:
        CheckpointError: the checkpoint is of another training.
        DataError: there are fewer than two training images.
        DesignError: the network has no weights.
        ModelFileError: the weights of ``start`` do not fit.
        DivergedError: the loss is no number.
        OptionError: the precision is unknown.
        StorageError: the keeper could not write.
        TrainingError: there is not enough memory for a batch, or the device computes otherwise than
            the processor.
    """
    device.require(precision)
    _require_trainable(plan, train)
    keep_freed_memory()
    decided, checkpoint = resume or (None, None)
    fuse = decided.fuse if decided else fuse and not device.accelerated
    network = build(plan, seed=seed, fuse=fuse)
    device.take(network)
    model = TrainedModel(
        network, image_format, classes, name=name, seed=seed, data_options=data_options or {}
    )
    start = None if resume else start
    if start is not None:
        require_fit(start, plan, recipe)
        recipe = transfer_recipe(recipe, len(train))
        fill(network, start)
    if decided is None:
        decided = _decided(model, train, recipe, precision, watcher, fuse, world, device)
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
        loop = make_loop(
            model, train, validation, decided, stop, keeper or Keeper(), watcher, world, device
        )
        if head is not None:
            loop.state.progress.prepared(head.seconds)
        loop.begin(checkpoint)
        size, chosen = decided.recipe.batch_size, decided.race.chosen
        with enough_memory(model, train, size, chosen, device.parts(world)):
            ending = _run(loop, stop)
        seconds = loop.state.progress.seconds
    best = _take_final_weights(loop.state, watcher)
    watcher.ended()
    scaling = validation_scaling(model, validation) if calibrate and world.leads else None
    if scaling is not None:
        watcher.message(str(scaling))
        model = replace(model, temperature=scaling.temperature)
    device.give_back(network)
    return Fitted(
        model,
        tuple(loop.state.history),
        decided.race,
        ending,
        seconds,
        tuple(loop.state.setbacks),
        scaling,
        best,
        head,
    )


def _decided(
    model: TrainedModel,
    train: PixelStore,
    recipe: Recipe,
    precision: PrecisionChoice,
    watcher: Watcher,
    fuse: bool,
    world: World,
    device: Device,
) -> Decided:
    """Return what process 0 finds by its races; all train with that."""
    found = None
    if world.leads:
        plan = model.network.plan
        with enough_memory(model, train, recipe.batch_size, "fp32", device.parts(world)):
            found = decide(
                model,
                plan,
                train,
                recipe,
                precision,
                watcher,
                fuse=fuse,
                processes=world.size,
                device=device,
            )
    return world.agreed(found)


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


def _require_trainable(plan: Plan, train: PixelStore) -> None:
    if not plan.trainable_params:
        raise DesignError("the network has no weights to train", fixes=("add dense classes",))
    if len(train) < 2:
        raise DataError(f"{len(train)} training images are too few to learn from")


def _run(loop: TrainingLoop, stop: StopOnSignal) -> Ending:
    """Run the loop to its end, through setbacks if asked; return why it ended."""
    ending: Ending | None = None
    while ending is None:
        try:
            ending = loop.run()
        except DivergedError as error:
            setbacks = loop.state.setbacks
            if loop.keeper.saving.on_nan == "stop" or len(setbacks) == MOST_SETBACKS:
                raise
            loop.go_back(error.reason)
    if ending != "interrupted" or stop.requested:
        return ending
    if loop.state.early_stopping.requested:
        return "early stopping"
    return "callback" if loop.watcher.wants_to_stop() else "interrupted"


def _take_final_weights(state: TrainingState, watcher: Watcher) -> BestEpoch | None:
    """Give the network the average, or the best epoch's weights, where either is kept.

    It predicts from now on.
    """
    if state.average.weights:
        state.network.load_state_dict(state.average.weights)
    best = state.early_stopping.restore(state.network)
    if best is not None:
        watcher.message(str(state.early_stopping))
    state.network.eval()
    return best
