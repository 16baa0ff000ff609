"""Printed torch programs, run: the layers, weights and outputs of what convwise builds itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convwise.design import zoo
from convwise.design.activation import ACTIVATIONS
from convwise.design.plan import Plan, plan
from convwise.design.registry import KINDS
from convwise.design.source import to_torch
from convwise.model.build import ConvNet, build

DESIGNS = (Path(__file__).parent / "source_designs.txt").read_text().split("\n\n")


def plan_of(design: str) -> Plan:
    """A design as the file holds it: a comment with image and classes, then its notation."""
    image, classes = re.match(r"# (\S+) (\d+)\n", design).groups()
    return plan(design, image, int(classes)).require()


def runs_quickly(name: str) -> bool:
    made = plan(name, zoo.entry(name).image, 10)
    return made.total_params < 5_000_000 and made.total_flops < 1e9


ZOO = zoo.names()
QUICK = [name for name in ZOO if runs_quickly(name)]


def printed(made: Plan) -> nn.Module:
    names: dict[str, Any] = {"__name__": "printed"}
    exec(compile(to_torch(made), "printed.py", "exec"), names)
    return names["Network"]().eval()


def drawn(made: Plan) -> ConvNet:
    """convwise's own module, with weights that leave no default unseen."""
    network = build(made, seed=1)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            noise = torch.rand(value.shape, generator=generator)
            if name.endswith(("gamma", "moving_variance")):
                value.copy_(0.5 + noise)
            elif name.endswith(("beta", "bias", "moving_mean")):
                value.copy_(0.4 * noise - 0.2)
    return network.eval()


OURS = {
    "weight": ("kernel", "gamma"),
    "bias": ("bias", "beta"),
    "running_mean": ("moving_mean",),
    "running_var": ("moving_variance",),
}


def our_name(key: str, ours: dict[str, Tensor]) -> str:
    """``conv1.weight`` → ``conv1.kernel``; parts of a layer are numbered in torch."""
    row, *part, kind = key.split(".")
    if row.endswith("_projection"):
        row = f"{row.removesuffix('_projection')}.projection"
        choices = [f"{row}.{OURS[kind][int(part[0]) if len(OURS[kind]) > 1 else 0]}"]
    elif part and kind == "weight":
        choices = [f"{row}.{('depthwise', 'pointwise')[int(part[0])]}_kernel"]
    else:
        choices = [f"{row}.{each}" for each in OURS[kind]]
    return next(name for name in choices if name in ours)


def copy_weights(network: nn.Module, ours: dict[str, Tensor]) -> None:
    """Fill the printed network; fixed filters stay as its program has them."""
    left = set(ours)
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        name = our_name(key, ours)
        left.remove(name)
        assert value.shape == ours[name].shape, key
        if name.startswith("fixed"):
            torch.testing.assert_close(value, ours[name], atol=1e-8, rtol=1e-7)
        else:
            value.copy_(ours[name])
    assert not left


def check_counts(network: nn.Module, made: Plan) -> None:
    trained = sum(each.numel() for each in network.parameters() if each.requires_grad)
    state = network.state_dict().items()
    held = sum(each.numel() for key, each in state if not key.endswith("num_batches_tracked"))
    assert (held, trained) == (made.total_params, made.trainable_params)


def check_shapes(network: nn.Module, made: Plan, images: Tensor) -> None:
    """Each module that has a row's name leaves what the row says, in the plan's order."""
    seen: dict[str, tuple[int, ...]] = {}
    rows = {row.name: row.output_shape for row in made.rows}

    def note(name: str) -> Any:
        return lambda module, inputs, output: seen.update({name: tuple(output.shape[1:])})

    for name, module in network.named_children():
        if name in rows:
            module.register_forward_hook(note(name))
    assert network(images).shape == (len(images), made.classes)
    without = ("add", "concat", "flatten", "global_pool")
    assert set(seen) == {name for name in rows if not name.startswith(without)}
    assert list(seen) == [name for name in rows if name in seen]
    for name, shape in seen.items():
        expected = rows[name]
        # LayerNorm sees its channels last, between two moves of the axis.
        moved = name.startswith("layernorm") or len(expected) == 1
        assert shape == (expected if moved else (expected[2], *expected[:2])), name


def check_outputs(made: Plan, tolerance: float = 1e-5) -> None:
    theirs, ours = printed(made), drawn(made)
    height, width, channels = made.image
    images = torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        check_counts(theirs, made)
        copy_weights(theirs, ours.state_dict())
        check_shapes(theirs, made, images)
        given, wanted = theirs(images), ours(images)
    last = made.rows[-1].layer
    if getattr(last, "activation", None) == "softmax":
        wanted = wanted.softmax(1)  # convwise's own module leaves logits
    assert wanted.abs().max() > 1e-3
    torch.testing.assert_close(given, wanted, rtol=0, atol=tolerance * float(wanted.abs().max()))


def test_the_designs_hold_every_kind_of_layer_and_every_activation() -> None:
    plans = [plan_of(design) for design in DESIGNS]
    assert len(plans) >= 40
    rows = [row for made in plans for row in made.rows]
    found = {type(row.layer).__name__ for row in rows}
    assert found | {"Repeat"} == {kind.__name__ for kind in KINDS}
    assert any("for i in" in to_torch(made) for made in plans)
    assert {getattr(row.layer, "activation", None) for row in rows} == {None, *ACTIVATIONS}


@pytest.mark.parametrize("design", DESIGNS)
def test_a_printed_design_is_the_network(design: str) -> None:
    check_outputs(plan_of(design))


@pytest.mark.parametrize("name", QUICK)
def test_a_printed_zoo_network_is_the_network(name: str) -> None:
    check_outputs(plan(name, zoo.entry(name).image, 10))


@pytest.mark.parametrize("name", ZOO)
def test_each_network_of_the_zoo_has_its_shapes_and_weights_when_printed(name: str) -> None:
    made = plan(name, zoo.entry(name).image, 10)
    # On the meta device nothing is allocated, so that VGG-19 costs no memory either.
    with torch.device("meta"), torch.no_grad():
        network = printed(made)
        height, width, channels = made.image
        check_shapes(network, made, torch.empty(2, channels, height, width))
    check_counts(network, made)


def test_first_weights_are_drawn_as_convwise_draws_them() -> None:
    made = plan("conv 64 3 | depthwise 3 | fixed sobel | flatten | dense classes", "9x9x3", 10)
    torch.manual_seed(0)
    theirs, ours = printed(made), build(made)
    for name in ("conv1", "depthwise1", "dense1"):
        given, wanted = getattr(theirs, name), getattr(ours, name)
        spread = float(given.weight.detach().std())
        assert spread == pytest.approx(float(wanted.kernel.detach().std()), rel=0.2)
        assert not given.bias.any()
    torch.testing.assert_close(theirs.fixed1.weight, ours.fixed1.kernel)


def test_training_differs_from_keras_in_the_running_variance_alone_and_the_program_says_so() -> (
    None
):
    made = plan("norm momentum=0.9 | flatten | dense classes", "4x5x3", 2)
    theirs, ours = printed(made).train(), build(made).train()
    images = torch.randn(3, 3, 4, 5, generator=torch.Generator().manual_seed(3))
    theirs(images), ours(images)
    torch.testing.assert_close(theirs.norm1.running_mean, ours.norm1.moving_mean)
    batch = (ours.norm1.moving_variance - 0.9) * (3 * 20 / (3 * 20 - 1))
    torch.testing.assert_close(theirs.norm1.running_var, 0.9 + batch)
    assert "unbiased variance" in to_torch(made)
