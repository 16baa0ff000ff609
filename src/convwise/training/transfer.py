"""Training that begins with the weights of a trained network.

First the head alone learns, on features that are computed once: a new head's gradients are large
and random, and would spoil the layers below. Then everything learns, each layer at a rate of its
own.

The rates follow discriminative fine-tuning (Howard and Ruder 2018, ULMFiT, section 3.2): a group of
layers learns 2.6 times as slowly as the one above it. A group here is all layers whose maps have
one size, because that is how convolutional networks are staged; by layers, the first of some fifty
would stand still. The rise and fall of the rate over time is that paper's slanted triangle
(section 3.3), which every training here has.

Batch normalisation goes on with the moving statistics that it came with. A few small batches of new
images estimate worse ones, and then the layers above see inputs that they were not trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from convwise.data.batches import to_input
from convwise.data.draws import draws
from convwise.data.store import PixelStore
from convwise.design.plan import Plan, Row
from convwise.errors import OptionError
from convwise.model.build import ConvNet
from convwise.model.device import device_of
from convwise.model.head import FeatureReader, head_rows, run_head
from convwise.model.modules import BatchNorm
from convwise.model.pretrained.start import Start
from convwise.model.trained import TrainedModel
from convwise.model.weights import check_weights, declared_weights
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.schedule import one_cycle

DECAY = 2.6
SAMPLES = 6_000
FEWEST_EPOCHS, MOST_EPOCHS = 3, 20
# Of a recipe for networks that see large photographs and know a lot already.
DEFAULTS: dict[str, Any] = {
    "batch_size": 32,
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "weight_decay": 0.01,
    "warmup": 0.1,
    "crop": 0.2,
    "prune_easy": 0.0,
}
EMBEDDED_TOGETHER = 32
HEAD_SHARE = 0.3
HEAD_STEPS = 400
HEAD_BATCH = 256
HEAD_RATE = 0.003
MOST_FEATURE_BYTES = 1_000_000_000


def transfer_recipe(recipe: Recipe, images: int) -> Recipe:
    """Return the recipe with what was not asked for set to what suits transfer.

    Args:
        recipe: as it was asked for.
        images: in the training split.

    Raises:
        OptionError: it asks for Muon, which gives each kernel a new length.

    Example:
        >>> transfer_recipe(Recipe(batch_size=16), images=1_000).epochs
        6
    """
    chosen = {
        name: value for name, value in DEFAULTS.items() if name not in recipe.model_fields_set
    }
    if recipe.optimizer == "muon":
        raise OptionError(
            "optimizer = 'muon' gives each kernel another length, which trained weights do not"
            " survive; use adamw or sgd with --from"
        )
    if recipe.optimizer == "sgd":
        # Its gradients are not scaled: the rate that suits AdamW would hardly move it.
        chosen["learning_rate"] = recipe.learning_rate or 0.01
    if recipe.epochs is None and recipe.time_limit is None:
        wanted = -(-SAMPLES // max(images, 1))
        chosen["epochs"] = min(max(wanted, FEWEST_EPOCHS), MOST_EPOCHS)
    return recipe.model_copy(update=chosen)


def require_fit(start: Start, plan: Plan, recipe: Recipe) -> None:
    """Check, before anything is written, that the weights can be used.

    Args:
        start: the weights.
        plan: of ``start``'s network with a new head.
        recipe: as it was asked for.

    Raises:
        ModelFileError: a tensor has another shape than the network's, because the images have
            another size.
        OptionError: the recipe asks for Muon.
    """
    transfer_recipe(recipe, 1)
    found = {name: tuple(value.shape) for name, value in _kept(start, plan).items()}
    check_weights(plan, declared_weights(plan) | found)


def fill(network: ConvNet, start: Start) -> None:
    """Give a network all weights but the head's, and let it keep its statistics.

    Args:
        network: of ``start``'s network with a new head.
        start: weights that fit, see :func:`require_fit`.
    """
    network.load_state_dict(network.state_dict() | _kept(start, network.plan))
    keep_statistics(network)


def _kept(start: Start, plan: Plan) -> dict[str, Tensor]:
    head = {row.name for row in head_rows(plan)}
    return {
        name: value for name, value in start.weights.items() if name.partition(".")[0] not in head
    }


def keep_statistics(network: torch.nn.Module) -> None:
    """Let every batch normalisation go on with the statistics that it has."""
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.keeps_statistics = True
            module.eval()


def layer_rates(plan: Plan) -> dict[str, float]:
    """Return each layer's share of the learning rate: 1 for the head, less the deeper below it.

    Example:
        >>> from convwise.design.plan import plan
        >>> network = "conv 4 3 same | maxpool 2 | conv 4 3 same | global_avgpool | dense classes"
        >>> {name: round(rate, 2) for name, rate in layer_rates(plan(network, "8x8x1", 2)).items()}
        {'conv1': 0.15, 'conv2': 0.38, 'dense1': 1.0}
    """
    head = {row.name for row in head_rows(plan)}
    body = [row for row in plan.rows if row.weights and row.name not in head]
    stages = list(dict.fromkeys(map(_stage, body)))
    rates = {row.name: DECAY ** (stages.index(_stage(row)) - len(stages)) for row in body}
    return rates | {row.name: 1.0 for row in plan.rows if row.weights and row.name in head}


def _stage(row: Row) -> tuple[int, ...]:
    return row.output_shape[:2] if len(row.output_shape) == 3 else ()


@dataclass(frozen=True)
class HeadTraining:
    """What came of training the head alone.

    Args:
        images: whose features it learnt from.
        seconds: that computing the features and learning took.
        accuracy: on those images, at the end.
    """

    images: int
    seconds: float
    accuracy: float


def train_head(
    model: TrainedModel,
    train: PixelStore,
    *,
    recipe: Recipe,
    seed: int,
    stop_requested: Callable[[], bool],
    watcher: Watcher,
) -> HeadTraining:
    """Train the head while everything below it stands still.

    Features of each image, unchanged, are computed once. With a time limit this takes at most about
    30 % of it, and the head learns from the images that were reached until then.

    Args:
        model: its network's head is changed.
        train: the images.
        recipe: its label smoothing and time limit count.
        seed: of the order in which images are taken.
        stop_requested: asked after each batch of features.
        watcher: told what is done.
    """
    began = time.perf_counter()
    watcher.message("training the head alone, on features that are computed once")
    network = model.network
    network.eval()
    features, labels = _features(model, train, recipe, seed, stop_requested)
    head = [
        weight
        for row in head_rows(network.plan)
        for weight in getattr(network, row.name).parameters()
    ]
    optimizer = torch.optim.AdamW(head, lr=HEAD_RATE, weight_decay=0.0)
    order = torch.Generator().manual_seed(seed % 2**63)
    for step in range(HEAD_STEPS):
        chosen = torch.randperm(len(labels), generator=order)[:HEAD_BATCH]
        optimizer.param_groups[0]["lr"] = HEAD_RATE * one_cycle((step + 0.5) / HEAD_STEPS, 0.1)
        optimizer.zero_grad(set_to_none=True)
        logits = run_head(network, features[chosen])
        loss = F.cross_entropy(logits, labels[chosen], label_smoothing=recipe.smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        right = (run_head(network, features).argmax(dim=1) == labels).float().mean().item()
    for weight in head:
        weight.grad = None
    return HeadTraining(len(labels), time.perf_counter() - began, right)


def _features(
    model: TrainedModel,
    train: PixelStore,
    recipe: Recipe,
    seed: int,
    stop_requested: Callable[[], bool],
) -> tuple[Tensor, Tensor]:
    read, device = FeatureReader(model.network), device_of(model.network)
    order = _order(len(train), seed)
    budget = HEAD_SHARE * recipe.time_limit if recipe.time_limit else float("inf")
    began, parts, size = time.perf_counter(), [], 0
    with torch.no_grad():
        for start in range(0, len(order), EMBEDDED_TOGETHER):
            chosen = order[start : start + EMBEDDED_TOGETHER]
            images = to_input(train.take(chosen), model.image_format).to(device)
            parts.append(read(images))
            size += parts[-1].nbytes
            late = time.perf_counter() - began > budget
            if late or size > MOST_FEATURE_BYTES or stop_requested():
                break
    features = torch.cat(parts)
    return features, torch.from_numpy(train.labels[order[: len(features)]]).to(device)


def _order(images: int, seed: int) -> NDArray[np.int64]:
    drawn = draws("head", seed, counters=np.arange(images, dtype=np.int64))
    return np.argsort(drawn, kind="stable")
