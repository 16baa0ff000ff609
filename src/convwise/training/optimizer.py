"""The optimizer of a recipe, and which weights it treats in which way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from convwise.design.conv import Conv2D
from convwise.design.normalization import BatchNormalization
from convwise.design.plan import Plan, Row
from convwise.design.pooling import AveragePooling2D, MaxPooling2D
from convwise.training.muon import Muon
from convwise.training.recipe import Recipe

# Muon's own momentum is shorter than SGD's: an orthogonal step has no scale to smooth.
MUON_MOMENTUM = 0.6


def resolve_optimizer(recipe: Recipe, plan: Plan) -> Recipe:
    """Return the recipe with ``auto`` replaced by the optimizer that suits the network.

    Muon needs kernels that batch normalisation follows; a network without any gets AdamW, which
    also copes with layers whose gradients differ in scale.
    """
    if recipe.optimizer != "auto":
        return recipe
    optimizer = "muon" if normalised_kernels(plan) else "adamw"
    return recipe.model_copy(update={"optimizer": optimizer})


def make_optimizer(
    network: nn.Module, plan: Plan, recipe: Recipe, rates: Mapping[str, float] | None = None
) -> Optimizer:
    """Return the optimizer of a recipe that :func:`resolve_optimizer` has resolved.

    Only kernels decay. Decay pulls a kernel's scale down, which batch normalisation undoes and
    which raises the effective learning rate (van Laarhoven 2017); on gammas and biases it only
    distorts.

    Args:
        network: of the plan.
        plan: tells which kernels normalisation follows.
        recipe: with its optimizer chosen.
        rates: layer → the share of the learning rate that its weights get; 1 where not given.
    """
    normalised = normalised_kernels(plan) if recipe.optimizer == "muon" else frozenset()
    weights: dict[tuple[str, float], list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        kind = "orthogonal" if name in normalised else "decaying" if weight.ndim > 1 else "free"
        scale = (rates or {}).get(name.partition(".")[0], 1.0)
        weights.setdefault((kind, scale), []).append(weight)
    groups: list[dict[str, Any]] = [
        {
            "params": parameters,
            "lr": recipe.peak_learning_rate,
            "weight_decay": recipe.kernel_decay if kind == "decaying" else 0.0,
            "momentum": MUON_MOMENTUM if kind == "orthogonal" else recipe.momentum,
            "orthogonal": kind == "orthogonal",
            "scale": scale,
        }
        for (kind, scale), parameters in weights.items()
    ]
    if recipe.optimizer == "adamw":
        return AdamW(groups, betas=(recipe.momentum, 0.98), fused=True)
    if recipe.optimizer == "sgd":
        momentum = recipe.momentum
        return SGD(groups, momentum=momentum, nesterov=momentum > 0, fused=True)
    return Muon(groups)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group of weights its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)


def normalised_kernels(plan: Plan) -> frozenset[str]:
    """Return the names of hidden convolution kernels whose scale normalisation makes meaningless.

    The first convolution is left out: it has too few inputs to a filter to be made orthogonal.
    """
    names = {
        f"{row.name}.kernel"
        for rows in plan.sequences
        for index, row in enumerate(rows)
        if isinstance(row.layer, Conv2D) and _is_normalised(row.layer, rows[index + 1 :])
    }
    names |= {
        f"{row.name}.{weight.name}"
        for row in plan.rows
        for weight in row.weights
        if weight.name == "projection.kernel"
    }
    first = next((row for row in plan.rows if isinstance(row.layer, Conv2D)), None)
    return frozenset(names - {f"{first.name}.kernel"} if first else names)


def _is_normalised(layer: Conv2D, following: Sequence[Row]) -> bool:
    if layer.activation is not None or layer.use_bias or layer.groups > 1:
        return False
    for row in following:
        if isinstance(row.layer, BatchNormalization):
            return True
        # Pooling keeps a scale as it is; anything else may not.
        if not isinstance(row.layer, MaxPooling2D | AveragePooling2D):
            return False
    return False
