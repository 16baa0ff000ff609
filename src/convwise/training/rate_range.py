"""The learning-rate range test: which rates a network can learn at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convwise.data import load_data
from convwise.data.batches import Batch, Batches
from convwise.data.dataset import MAX_BAD, Dataset, Decoded
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.errors import TrainingError
from convwise.model.build import build
from convwise.training.balance import ClassSizes
from convwise.training.data_request import read
from convwise.training.facts import measured_format
from convwise.training.loss import image_losses
from convwise.training.make_loop import training_batches
from convwise.training.network_request import DEFAULT_NETWORK, short_name
from convwise.training.optimizer import make_optimizer, resolve_optimizer, set_learning_rate
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.train import use_threads

STEPS = 100
# AdamW's steps are as long as its rate, whatever the gradients.
RANGES = {"adamw": (1e-6, 1.0), "sgd": (1e-5, 10.0), "muon": (1e-5, 10.0)}
SMOOTHING = 0.9
# The test ends where the smoothed loss is so many times the lowest.
DIVERGED = 4.0
# Of the rate where the loss is lowest, the share that is suggested. Measured by whole trainings of
# six epochs on fashion-mini: docs/guide/finding-a-learning-rate.md.
SHARES = {"muon": 1.0, "sgd": 1 / 3, "adamw": 1 / 5}
_RULES = {
    "muon": "the rate at which the smoothed loss is lowest",
    "sgd": "a third of the rate at which the smoothed loss is lowest",
    "adamw": "a fifth of the rate at which the smoothed loss is lowest",
}


@dataclass(frozen=True)
class RateRange:
    """What a range test found.

    Args:
        data: name of the data set.
        network: name of the network.
        optimizer: that took the steps.
        rates: the learning rate of each step, rising by the same factor.
        losses: of each step's batch, in nats.
        smoothed: the same as a moving average; suggestions are made by it.
        suggested: the highest learning rate to train with.
        lowest_at: the rate at which the smoothed loss was lowest.
        diverged_at: the rate at which the loss had run away; None where it did not.
    """

    data: str
    network: str
    optimizer: str
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggested: float
    lowest_at: float
    diverged_at: float | None

    @property
    def rule(self) -> str:
        """How the suggestion is made, in words."""
        return _RULES[self.optimizer]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "data": self.data,
            "network": self.network,
            "optimizer": self.optimizer,
            "suggested": self.suggested,
            "rule": self.rule,
            "lowest_at": self.lowest_at,
            "diverged_at": self.diverged_at,
            "steps": [
                {"learning_rate": rate, "loss": loss, "smoothed_loss": smooth}
                for rate, loss, smooth in zip(self.rates, self.losses, self.smoothed, strict=True)
            ],
        }


def find_learning_rate(
    data: str | Path | Dataset | Decoded,
    network: str | Path | Network = DEFAULT_NETWORK,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    threads: int | None = None,
    watcher: Watcher | None = None,
    max_bad: float = MAX_BAD,
    cache: bool = True,
    **data_options: Any,
) -> RateRange:
    """Train a network for 100 steps at a rising learning rate, in fp32, and throw it away.

    The rate rises by the same factor from step to step, from one at which nothing happens to one
    at which training falls apart (Smith 2017, "Cyclical learning rates for training neural
    networks", section 3.3, with an exponential rise instead of a linear one).

    Args:
        data: as for :func:`convwise.train`.
        network: the same.
        recipe: gives the optimizer, the batch size and the augmentation.
        seed: of the first weights, the order and the augmentation.
        threads: of torch; all cores of this process unless given.
        watcher: told about progress.
        max_bad: the largest share of damaged picture files, 0…1, that is put up with.
        cache: take decoded pixels from the user's cache, and keep them there.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read or learnt from.
        DesignError: the network does not fit the images.
        TrainingError: the loss is no number even at the lowest rates.
    """
    watcher = watcher or Watcher()
    use_threads(threads)
    design = resolve_network(network)
    if isinstance(data, str | Path):
        data = load_data(data, seed=seed, **data_options)
    dataset = data.dataset if isinstance(data, Decoded) else data
    made = plan(design, dataset.format, len(dataset.classes)).require()
    decoded = data if isinstance(data, Decoded) else read(data, watcher, max_bad, cache)
    recipe = resolve_optimizer(recipe or Recipe(), made)
    sizes = ClassSizes.of(decoded.stores["train"].labels, dataset.classes)
    recipe = recipe.model_copy(update={"balance": sizes.resolve(recipe.balance)})
    torch.manual_seed(seed % 2**63)
    trained = build(made, seed=seed)
    batches = training_batches(decoded.stores["train"], measured_format(decoded), recipe, seed)
    weights = torch.from_numpy(sizes.weights()) if recipe.balance == "weights" else None
    low, high = RANGES[recipe.optimizer]
    optimizer = make_optimizer(trained, made, recipe)
    trained.train()
    watcher.message(f"{STEPS} steps with {recipe.optimizer}, rates {low:g} to {high:g}")
    watcher.started(1, STEPS, None)
    rates, losses = np.geomspace(low, high, STEPS), _Smoothed()
    for step, batch in enumerate(_batches(batches, STEPS)):
        set_learning_rate(optimizer, float(rates[step]))
        optimizer.zero_grad(set_to_none=True)
        logits = trained(batch.inputs).float()
        loss = image_losses(logits, batch, recipe.smoothing, weights).mean()
        losses.add(loss.item())
        watcher.step(1, step + 1, (step + 1) / STEPS, losses.smoothed[-1], 0.0)
        if losses.ran_away:
            break
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return _judged(losses, rates, dataset.name, short_name(network), recipe.optimizer)


def _batches(batches: Batches, count: int) -> Iterator[Batch]:
    """Yield so many batches, from as many epochs as it takes."""
    epoch = done = 0
    while done < count:
        epoch += 1
        for batch in batches.epoch(epoch):
            yield batch
            done += 1
            if done == count:
                return


class _Smoothed:
    """Losses and their moving average, corrected for its start from 0 (Kingma and Ba 2014)."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._sum = 0.0

    def add(self, loss: float) -> None:
        self.losses.append(loss)
        self._sum = SMOOTHING * self._sum + (1 - SMOOTHING) * loss
        self.smoothed.append(self._sum / (1 - SMOOTHING ** len(self.losses)))

    @property
    def ran_away(self) -> bool:
        last = self.smoothed[-1]
        return not math.isfinite(last) or last > DIVERGED * min(self.smoothed)


def _judged(
    found: _Smoothed, rates: np.ndarray[Any, Any], data: str, network: str, optimizer: str
) -> RateRange:
    diverged = float(rates[len(found.losses) - 1]) if found.ran_away else None
    kept = [step for step, loss in enumerate(found.smoothed) if math.isfinite(loss)]
    if not kept:
        raise TrainingError("the loss is no number from the first step on; look at the data")
    lowest = min(kept, key=lambda step: found.smoothed[step])
    return RateRange(
        data=data,
        network=network,
        optimizer=optimizer,
        rates=tuple(float(rates[step]) for step in kept),
        losses=tuple(found.losses[step] for step in kept),
        smoothed=tuple(found.smoothed[step] for step in kept),
        suggested=_two_digits(float(rates[lowest]) * SHARES[optimizer]),
        lowest_at=float(rates[lowest]),
        diverged_at=diverged,
    )


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")
