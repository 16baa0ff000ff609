"""What is decided before the first step, and stays: recipe, precision, kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from convwise import kernels
from convwise.data.batches import to_input
from convwise.data.store import PixelStore
from convwise.design.plan import Plan
from convwise.errors import TrainingError
from convwise.model.build import ConvNet
from convwise.model.device import device_of
from convwise.model.race import Heat, LayerRace, use_winners
from convwise.model.trained import TrainedModel
from convwise.training.balance import ClassSizes
from convwise.training.computing import PrecisionChoice
from convwise.training.device import CPU, Device
from convwise.training.kept_race import race_once
from convwise.training.layer_precision import LayerHeat, race_layers, use_layers
from convwise.training.optimizer import resolve_optimizer
from convwise.training.out_of_memory import is_out_of_memory
from convwise.training.precision import Race, Tune, disagreement_with_processor, time_trial
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.transfer import keep_statistics

# GPUs add in another order, and then some ReLU lets through what another one stops.
MOST_LOGIT_ERROR, MOST_GRADIENT_ERROR = 0.05, 0.15
COMPARED_IMAGES = 32


@dataclass(frozen=True)
class Decided:
    """What a training computes and with what; to repeat it takes these, not another race.

    Args:
        recipe: in which every choice that was left open is made.
        race: the precision, that of each layer, and why.
        heats: how the layers' kernels did against torch; empty where none may be used.
        fuse: whether neighbouring layers are computed together, and kernels used.
        start: what is told about the weights that training began with, which keep their statistics
            and learn at rates of their own; None where it began from scratch.
        device: kind of the one that training computes on.
    """

    recipe: Recipe
    race: Race
    heats: tuple[Heat, ...] = ()
    fuse: bool = True
    start: Mapping[str, Any] | None = None
    device: str = "cpu"

    def prepare(self, model: TrainedModel) -> None:
        """Let a network that was built anew compute as decided."""
        use_layers(self.race.layers, model.network)
        if self.fuse and kernels.available():
            use_winners(model.network, self.heats)
        if self.start is not None:
            keep_statistics(model.network)

    def beginning_with(self, facts: Mapping[str, Any]) -> Decided:
        """Return it with further facts about the weights that training begins with."""
        return replace(self, start={**(self.start or {}), **facts})

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, as ``run.json`` holds them."""
        return {
            "recipe": self.recipe.model_dump()
            | {
                "learning_rate": self.recipe.peak_learning_rate,
                "weight_decay": self.recipe.kernel_decay,
            },
            "precision": self.race.to_dict(),
            "precision_by_layer": [heat.to_dict() for heat in self.race.layers],
            "kernels": [heat.to_dict() for heat in self.heats],
            "fuse": self.fuse,
            "device": self.device,
        } | ({} if self.start is None else {"start": dict(self.start)})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Decided:
        """Return what :meth:`to_dict` made; other keys are passed over.

        Raises:
            KeyError, TypeError, OptionError: a value is missing or of another kind.
        """
        layers = tuple(LayerHeat.from_dict(each) for each in values["precision_by_layer"])
        return cls(
            recipe=Recipe.of(values["recipe"]),
            race=replace(Race.from_dict(values["precision"]), layers=layers),
            heats=tuple(Heat.from_dict(each) for each in values["kernels"]),
            fuse=bool(values["fuse"]),
            start=values.get("start"),
            device=values.get("device", "cpu"),
        )


def decide(
    model: TrainedModel,
    plan: Plan,
    store: PixelStore,
    recipe: Recipe,
    precision: PrecisionChoice,
    watcher: Watcher,
    *,
    fuse: bool,
    processes: int = 1,
    device: Device = CPU,
) -> Decided:
    """Choose precision and kernels by races on the real network, and what the recipe left open.

    Args:
        model: about to be trained, on ``device``; it is not changed: :meth:`Decided.prepare` does
            that.
        plan: of the network.
        store: the training images.
        recipe: as asked.
        precision: ``auto`` races fp32 against bf16; with ``bf16`` too, layers may stay in fp32.
        watcher: told about the race.
        fuse: whether kernels may be used; the network was built so.
        processes: that train together; each is as fast as this one.
        device: that the network is on.

    Raises:
        TrainingError: the device does not compute this network, or not as the processor does.
    """
    recipe = resolve_optimizer(recipe, plan)
    sizes = ClassSizes.of(store.labels, model.classes)
    if told := sizes.told(recipe.balance):
        watcher.message(told)
    recipe = recipe.model_copy(update={"balance": sizes.resolve(recipe.balance)})
    # Of several GPUs each has a part of the batch.
    together = -(-recipe.batch_size // processes) if device.accelerated else recipe.batch_size
    images, labels = a_batch(model, store, together)
    network = model.network
    if device.accelerated:
        result = _raced_on_gpu(network, images, labels, precision, watcher, device)
        resolved = _resolved(recipe, len(store), result, processes)
        return Decided(resolved, result, fuse=False, device=device.kind)
    fused = LayerRace(network, images) if fuse and kernels.available() else None
    tune: Tune = (lambda network, number: None) if fused is None else fused.run
    if precision == "auto":
        watcher.message("racing fp32 against bf16, and kernels against torch, on the real network")
    layers = () if precision == "fp32" else race_layers(network, images)
    if precision == "auto":
        name = f"{plan.network.to_text()} {plan.classes} {fuse}"
        result = race_once(name, network, images, labels, tune, layers)
    else:
        result = time_trial(network, images, labels, precision, tune, layers)
    if fused is not None and fused.seconds_of_compiling:
        seconds = fused.seconds_of_compiling
        watcher.message(f"compiled kernels for this processor, once: {seconds:.1f} s")
    heats = () if fused is None else tuple(fused.heats)
    return Decided(_resolved(recipe, len(store), result, processes), result, heats, fuse)


def a_batch(model: TrainedModel, store: PixelStore, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return so many training images, evenly spread, and their labels."""
    chosen = np.linspace(0, len(store) - 1, min(size, len(store))).astype(np.int64)
    images = to_input(store.take(chosen), model.image_format)
    device = device_of(model.network)
    return images.to(device), torch.from_numpy(store.labels[chosen]).to(device)


def _raced_on_gpu(
    network: ConvNet,
    images: torch.Tensor,
    labels: torch.Tensor,
    precision: PrecisionChoice,
    watcher: Watcher,
    device: Device,
) -> Race:
    """Compare the device with the processor, then race its precisions for the whole network."""
    few, their_labels = images[:COMPARED_IMAGES], labels[:COMPARED_IMAGES]
    try:
        logits, gradients = disagreement_with_processor(network, few, their_labels)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise device.failure(error) from None
    if not (logits <= MOST_LOGIT_ERROR and gradients <= MOST_GRADIENT_ERROR):
        raise TrainingError(
            f"{device.name} does not compute this network as the processor does: logits differ by"
            f" {100 * logits:.0f} %, gradients by {100 * gradients:.0f} %; update its driver and"
            " torch, or add --device cpu"
        )
    if precision != "auto" or device.half is None:
        return time_trial(network, images, labels, "fp32" if precision == "auto" else precision)
    watcher.message(f"racing fp32 against {device.half} on {device.product or device.name}")
    plan = network.plan
    name = f"{plan.network.to_text()} {plan.classes} {device.product or device.name}"
    return race_once(name, network, images, labels, half=device.half)


def _resolved(recipe: Recipe, images: int, result: Race, processes: int = 1) -> Recipe:
    """Return the recipe with the number of epochs, and what depends on it, chosen."""
    epochs = recipe.epochs_for(images, result.chosen)
    expected = float(epochs or 0)
    if recipe.time_limit and result.speed:
        by_clock = recipe.time_limit * result.speed * processes / images
        expected = min(expected or by_clock, by_clock)
    chosen = {"epochs": epochs, "shift": recipe.shift_for(expected)}
    chosen |= recipe.decided_by_length(expected * images)
    if recipe.mixing:
        chosen["prune_easy"] = 0
    return recipe.model_copy(update=chosen)
