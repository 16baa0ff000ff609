from __future__ import annotations

import pytest
import torch

from convwise.design.plan import plan
from convwise.model.build import build
from convwise.training.optimizer import (
    make_optimizer,
    normalised_kernels,
    resolve_optimizer,
    set_learning_rate,
)
from convwise.training.recipe import Recipe

PLAN = plan(
    """\
conv 4 3 same norm relu
conv 6 3 same norm relu
conv 6 3 same relu
norm
residual
  conv 8 3 2 same norm
global_avgpool
dense classes
""",
    "8x8x1",
    3,
).require()
OPTIMIZERS = ("muon", "sgd", "adamw")


def names_by_group(optimizer: torch.optim.Optimizer, network: torch.nn.Module) -> list[set[str]]:
    names = {id(weight): name for name, weight in network.named_parameters()}
    return [{names[id(weight)] for weight in group["params"]} for group in optimizer.param_groups]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_weight_is_trained_once_and_only_kernels_decay(kind: str) -> None:
    network = build(PLAN)
    optimizer = make_optimizer(network, PLAN, Recipe(optimizer=kind, weight_decay=0.1))
    groups = names_by_group(optimizer, network)
    assert sorted(name for group in groups for name in group) == sorted(
        name for name, _ in network.named_parameters()
    )
    for group, names in zip(optimizer.param_groups, groups, strict=True):
        if group["weight_decay"]:
            assert all(name.endswith("kernel") for name in names)
        else:
            assert kind == "muon" or not any(name.endswith("kernel") for name in names)


def test_hidden_kernels_before_a_normalisation_are_the_normalised_ones() -> None:
    # conv1 is the first one, conv3 has an activation between itself and its normalisation.
    assert normalised_kernels(PLAN) == {"conv2.kernel", "conv4.kernel", "add1.projection.kernel"}


def test_auto_takes_muon_only_where_something_is_normalised() -> None:
    plain = plan("conv 4 3 relu | flatten | dense classes", "8x8x1", 3)
    assert resolve_optimizer(Recipe(), PLAN).optimizer == "muon"
    assert resolve_optimizer(Recipe(), plain).optimizer == "adamw"
    assert resolve_optimizer(Recipe(optimizer="sgd"), PLAN).optimizer == "sgd"


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_step_moves_every_weight_and_a_rate_of_zero_moves_none_but_its_scale(kind: str) -> None:
    network = build(PLAN).train()
    optimizer = make_optimizer(network, PLAN, Recipe(optimizer=kind))
    images = torch.randn(8, 1, 8, 8, generator=torch.manual_seed(0))
    torch.nn.functional.cross_entropy(network(images), torch.arange(8) % 3).backward()
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    set_learning_rate(optimizer, 0.0)
    optimizer.step()
    for name, weight in network.named_parameters():
        if not (kind == "muon" and name in normalised_kernels(PLAN)):
            assert torch.equal(weight, before[name])
    set_learning_rate(optimizer, 0.05)
    optimizer.step()
    moved = [not torch.equal(weight, before[name]) for name, weight in network.named_parameters()]
    assert all(moved)
    assert all(torch.isfinite(weight).all() for weight in network.parameters())


def test_sgd_is_nesterov_momentum_computed_by_hand() -> None:
    tiny = plan("flatten | dense classes", "1x2x1", 2)
    network = build(tiny)
    recipe = Recipe(optimizer="sgd", momentum=0.9, weight_decay=0.01)
    optimizer = make_optimizer(network, tiny, recipe)
    kernel, bias = network.dense1.kernel, network.dense1.bias
    wanted = {id(kernel): kernel.detach().clone(), id(bias): bias.detach().clone()}
    velocity = {id(kernel): torch.zeros_like(kernel), id(bias): torch.zeros_like(bias)}
    for rate in (0.1, 0.05):
        set_learning_rate(optimizer, rate)
        for weight, decay in ((kernel, 0.01), (bias, 0.0)):
            weight.grad = torch.ones_like(weight)
            gradient = 1.0 + decay * wanted[id(weight)]
            velocity[id(weight)] = 0.9 * velocity[id(weight)] + gradient
            wanted[id(weight)] -= rate * (gradient + 0.9 * velocity[id(weight)])
        optimizer.step()
    for weight in (kernel, bias):
        torch.testing.assert_close(weight.detach(), wanted[id(weight)])
