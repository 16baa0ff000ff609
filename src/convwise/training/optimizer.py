"""The optimizer of a recipe."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from convwise.training.recipe import Recipe


def make_optimizer(network: nn.Module, recipe: Recipe) -> Optimizer:
    """Return the optimizer; only kernels decay.

    Decay pulls a kernel's scale down, which batch normalisation undoes and which raises the
    effective learning rate (van Laarhoven 2017); on gammas and biases it only distorts.
    """
    groups = [
        {
            "params": [weight for weight in network.parameters() if weight.ndim > 1],
            "weight_decay": recipe.kernel_decay,
        },
        {
            "params": [weight for weight in network.parameters() if weight.ndim <= 1],
            "weight_decay": 0.0,
        },
    ]
    groups = [group for group in groups if group["params"]]
    rate = recipe.peak_learning_rate
    if recipe.optimizer == "adamw":
        return AdamW(groups, rate, betas=(recipe.momentum, 0.98), fused=True)
    return SGD(groups, rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group of weights the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
