"""What holds for every layer of the table, whatever it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from convwise.design import (
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    Network,
    Plan,
    Row,
    plan,
)
from convwise.design.arguments import Argument, Choice, Flag, Number, Pair
from convwise.design.layer import arguments
from convwise.design.registry import KINDS
from convwise.design.zero_padding import BorderArgument
from convwise.errors import DesignError
from convwise.model.build import ConvNet, build
from layer_table import TABLE, Sample, name_of

CLASSES = 3
IMAGES = 4

every_layer = pytest.mark.parametrize("sample", TABLE, ids=name_of)


def whole(sample: Sample) -> tuple[Plan, tuple[Row, ...]]:
    """Return a network that holds the layer and can be built, and the layer's own rows in it."""
    *sides, channels = sample.input_shape
    before: tuple[Layer, ...] = ()
    shape = sample.input_shape
    if not sides:
        shape, before = (1, channels, 1), (Flatten(),)
    elif channels not in (1, 3):  # an image is grey or has three colours
        shape, before = (*sides, 3), (Conv2D(channels, 1),)
    after = (GlobalAveragePooling2D(),) if len(sample.output_shape) == 3 else ()
    network = Network((*before, sample.layer, *after, Dense(CLASSES)))
    made = plan(network, shape, CLASSES).require()  # type: ignore[arg-type]
    own = made.tree[len(before) : len(made.tree) - len(after) - 1]
    return made, own


def images_for(made: Plan, seed: int = 1) -> Tensor:
    height, width, channels = made.image
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(IMAGES, channels, height, width, generator=generator)


def ran(network: ConvNet, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the logits, and what each module gave by its name."""
    seen: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
        for name, module in network.named_children()
    ]
    logits = network(images)
    for handle in handles:
        handle.remove()
    return logits, seen


@every_layer
def test_a_layer_inside_a_network_survives_text_and_json(sample: Sample) -> None:
    network = whole(sample)[0].network
    assert Network.from_text(network.to_text()) == network
    assert Network.from_text(network.to_text()).to_text() == network.to_text()
    assert Network.from_dict(json.loads(json.dumps(network.to_dict(), allow_nan=False))) == network


@every_layer
@pytest.mark.parametrize("training", [True, False], ids=["training", "prediction"])
def test_the_module_leaves_the_shape_that_was_planned(sample: Sample, training: bool) -> None:
    made, own = whole(sample)
    assert own[-1].output_shape == sample.output_shape
    _, seen = ran(build(made).train(training), images_for(made))
    # Beside the rows there may be a module that computes two of them at once.
    assert seen.keys() >= {row.name for row in made.rows}
    for row in made.rows:
        height_width_channels = (*seen[row.name].shape[2:], seen[row.name].shape[1])
        assert height_width_channels == row.output_shape, row.name


@every_layer
def test_the_module_holds_the_weights_that_were_planned(sample: Sample) -> None:
    made, _ = whole(sample)
    network = build(made)
    for row in made.rows:
        module = network.get_submodule(row.name)
        trained = {name: tuple(value.shape) for name, value in module.named_parameters()}
        kept = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        assert trained == {each.name: each.shape for each in row.weights if each.trainable}
        assert kept == {each.name: each.shape for each in row.weights}
        assert sum(value.numel() for value in module.state_dict().values()) == row.params


@every_layer
def test_one_seed_gives_one_network_and_one_output(sample: Sample) -> None:
    made, _ = whole(sample)
    images = images_for(made)
    first, second, other = (build(made, seed=seed).eval() for seed in (5, 5, 6))
    state = first.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in second.state_dict().items())
    assert torch.equal(first(images), second(images))
    assert torch.equal(first(images), first(images))
    assert not torch.equal(first(images), other(images))
    in_training = []
    for network in (first, second):
        torch.manual_seed(9)
        in_training.append(network.train()(images))
    assert torch.equal(*in_training)


@every_layer
def test_gradients_reach_the_image_and_every_trained_weight(sample: Sample) -> None:
    made, _ = whole(sample)
    network = build(made).train()
    images = images_for(made).requires_grad_()
    torch.manual_seed(2)
    network(images).square().sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert images.grad.any()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@every_layer
def test_an_image_is_treated_the_same_alone_and_among_others(sample: Sample) -> None:
    made, _ = whole(sample)
    network, images = build(made).eval(), images_for(made)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-5)


BAD: list[Any] = [0, -1, 1.5, -0.5, 10**9, 10**30, float("nan"), float("inf"), "?", "", b"3"]
BAD += [None, True, [], {}, (1, 2, 3), [0, 1], (3, -1), object(), Flatten, lambda: 3]


def takes(argument: Argument, value: Any) -> bool:
    """Whether a value of BAD is good for this kind of argument."""
    match argument:
        case Flag():
            return value is True
        case Number():
            return value == 0 and not argument.above
        case BorderArgument():
            return value == 0 or value == [0, 1]
        case Pair() | Choice():
            return value is None and argument.optional
    return False


def arguments_of_all_kinds() -> Iterator[Any]:
    for kind in KINDS:
        for item, argument in arguments(kind):
            yield pytest.param(kind, item.name, argument, id=f"{kind.__name__}-{item.name}")


@pytest.mark.parametrize(("kind", "name", "argument"), list(arguments_of_all_kinds()))
def test_an_argument_that_cannot_be_is_refused_by_name(
    kind: Any, name: str, argument: Argument
) -> None:
    good = next(sample.layer for sample in TABLE if type(sample.layer) is kind)
    values = {item.name: getattr(good, item.name) for item, _ in arguments(kind)}
    assert kind(**values) == good
    for value in BAD:
        if takes(argument, value):
            assert isinstance(kind(**values | {name: value}), kind)
            continue
        with pytest.raises(DesignError) as caught:
            kind(**values | {name: value})
        assert caught.value.layer == kind.__name__
        assert caught.value.message.startswith(f"{name} "), f"{value!r}: {caught.value}"
        assert len(str(caught.value)) < 250


def test_every_kind_with_a_window_says_how_it_strides() -> None:
    for sample in TABLE:
        window = sample.layer.window()
        if window is not None:
            assert sample.layer.total_strides() == window.strides
