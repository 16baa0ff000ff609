"""Printed Keras programs, run on Keras's torch backend: layers, weights and outputs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convwise.design import zoo
from convwise.design.depthwise import DepthwiseConv2D
from convwise.design.fixed_filters import FixedFilters
from convwise.design.plan import Plan, Row, plan
from convwise.design.residual import Residual
from convwise.design.source import to_keras
from convwise.model.build import ConvNet, build

keras = pytest.importorskip("keras", minversion="3")

Array = NDArray[np.float32]
DESIGNS = (Path(__file__).parent / "source_designs.txt").read_text().split("\n\n")


def plan_of(design: str) -> Plan:
    """A design as the file holds it: a comment with image and classes, then its notation."""
    image, classes = re.match(r"# (\S+) (\d+)\n", design).groups()
    return plan(design, image, int(classes)).require()


def of_zoo(name: str) -> Plan:
    return plan(name, zoo.entry(name).image, 10)


# What is built within some seconds; the larger ones are made of the same kinds of blocks.
SMALL = [name for name in zoo.names() if of_zoo(name).total_params < 12_000_000]
QUICK = [name for name in SMALL if of_zoo(name).total_flops < 4e9]


def printed(made: Plan) -> Any:
    keras.backend.clear_session()
    names: dict[str, Any] = {"__name__": "printed"}
    exec(compile(to_keras(made), "printed.py", "exec"), names)
    return names["build"]()


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


def as_keras_has_it(row: Row, name: str, value: Array) -> Array:
    if value.ndim == 2:
        return value.T
    if value.ndim == 1:
        return value
    if isinstance(row.layer, DepthwiseConv2D | FixedFilters) or name == "depthwise_kernel":
        channels = row.input_shape[2]
        return value.reshape(channels, -1, *value.shape[2:]).transpose(2, 3, 0, 1)
    return value.transpose(2, 3, 1, 0)


def copy_weights(model: Any, network: ConvNet) -> None:
    """Fill the printed network; fixed filters stay as its program has them."""
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    for row in network.plan.rows:
        values = [
            as_keras_has_it(row, weight.name, state.pop(f"{row.name}.{weight.name}"))
            for weight in row.weights
        ]
        if isinstance(row.layer, FixedFilters):
            (found,) = model.get_layer(row.name).get_weights()
            np.testing.assert_allclose(found, values[0], atol=1e-8, rtol=1e-7)
        elif not isinstance(row.layer, Residual):
            model.get_layer(row.name).set_weights(values)
        elif values:
            model.get_layer(f"{row.name}_projection").set_weights(values[:1])
            model.get_layer(f"{row.name}_projection_norm").set_weights(values[1:])
    assert not state


def check_layers(model: Any, made: Plan) -> None:
    rows = {row.name: row for row in made.rows}
    theirs = {layer.name: layer for layer in model.layers}
    assert set(rows) <= set(theirs)
    for name, row in rows.items():
        assert theirs[name].output.shape[1:] == row.output_shape, name
    # Beside them stand the image, projections, and the slices and zeros of identity shortcuts.
    for name in set(theirs) - set(rows):
        assert re.fullmatch(r"input_layer.*|add\d+_projection(_norm)?|(get_item|pad).*", name)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert (model.count_params(), trained) == (made.total_params, made.trainable_params)


def check_outputs(model: Any, made: Plan, tolerance: float = 1e-5) -> None:
    network = drawn(made)
    copy_weights(model, network)
    images = np.random.default_rng(3).normal(size=(2, *made.image)).astype("float32")
    with torch.no_grad():
        given = keras.ops.convert_to_numpy(model(images, training=False))
        wanted = network(torch.from_numpy(images).permute(0, 3, 1, 2))
    if getattr(made.rows[-1].layer, "activation", None) == "softmax":
        wanted = wanted.softmax(1)  # convwise's own module leaves logits
    wanted = wanted.numpy()
    largest = float(np.abs(wanted).max())
    assert largest > 1e-3
    np.testing.assert_allclose(given, wanted, rtol=0, atol=tolerance * largest)


def test_keras_runs_on_torch_here() -> None:
    assert keras.backend.backend() == "torch"


@pytest.mark.parametrize("design", DESIGNS)
def test_a_printed_design_is_the_network(design: str) -> None:
    made = plan_of(design)
    model = printed(made)
    check_layers(model, made)
    check_outputs(model, made)


@pytest.mark.parametrize("name", SMALL)
def test_a_printed_zoo_network_is_the_network(name: str) -> None:
    made = of_zoo(name)
    model = printed(made)
    check_layers(model, made)
    if name in QUICK:
        check_outputs(model, made)


def test_a_printed_network_survives_saving(tmp_path: Path) -> None:
    chain = "fixed sobel same | blurpool 3 2 | avgpool 2 1 same"
    text = f"{chain} | residual identity (conv 8 3 2 same) | flatten | dense classes"
    made = plan(text, "9x9x3", 3)
    model = printed(made)
    images = np.random.default_rng(3).normal(size=(2, *made.image)).astype("float32")
    model.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(model(images).detach().numpy(), again(images).detach().numpy())


def test_moving_averages_in_training_are_convwises() -> None:
    made = plan("norm momentum=0.9 | flatten | dense classes", "4x5x3", 2)
    model, network = printed(made), drawn(made).train()
    copy_weights(model, network)
    images = np.random.default_rng(3).normal(size=(3, 4, 5, 3)).astype("float32")
    model(images, training=True)
    network(torch.from_numpy(images).permute(0, 3, 1, 2))
    moved = [network.norm1.moving_mean.numpy(), network.norm1.moving_variance.numpy()]
    np.testing.assert_allclose(model.get_layer("norm1").get_weights()[2:], moved, rtol=1e-5)


def test_first_weights_are_drawn_as_convwise_draws_them() -> None:
    made = plan("conv 64 3 | flatten | dense classes", "9x9x3", 10)
    model, network = printed(made), build(made)
    for name in ("conv1", "dense1"):
        kernel, bias = model.get_layer(name).get_weights()
        wanted = float(getattr(network, name).kernel.detach().std())
        assert float(kernel.std()) == pytest.approx(wanted, rel=0.2)
        assert not bias.any()
