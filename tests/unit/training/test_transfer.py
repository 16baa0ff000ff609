"""Training that begins with trained weights: what is kept, what learns, and at which rate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convwise.data.dataset import Decoded
from convwise.design.plan import plan
from convwise.errors import ModelFileError, OptionError
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import load_model
from convwise.model.pretrained.start import Start
from convwise.model.trained import TrainedModel
from convwise.model.weights import weights_of
from convwise.training.optimizer import make_optimizer, set_learning_rate
from convwise.training.recipe import Recipe
from convwise.training.train import train
from convwise.training.transfer import (
    DECAY,
    fill,
    layer_rates,
    require_fit,
    train_head,
    transfer_recipe,
)

TEXT = "conv 6 3 same norm relu | maxpool 2 | conv 8 3 same norm relu | global_avgpool | dense "
FORMAT = ImageFormat(8, 8, 1, mean=(0.25,), std=(0.2,))
RECIPE = Recipe(epochs=3, batch_size=10)


@pytest.fixture(scope="module")
def start() -> Start:
    network = build(plan(TEXT + "2", FORMAT, 2), seed=9)
    with torch.no_grad():
        for name, value in network.named_buffers():
            value.fill_(0.3 if name.endswith("mean") else 0.7)
    text = plan(TEXT + "2", FORMAT, 2).network
    return Start("old", text, FORMAT, weights_of(network), "old", "old.safetensors", "0" * 64)


@pytest.fixture(scope="module")
def first(decoded: Decoded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to go on from."""
    out = tmp_path_factory.mktemp("runs") / "first"
    recipe = Recipe(epochs=2, batch_size=10)
    train(decoded, TEXT + "classes", recipe, out=out, threads=1, precision="fp32")
    return out


def new_network(start: Start) -> Any:
    return build(plan(start.redesign(), FORMAT, 3), seed=1)


def body(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: value.clone()
        for name, value in network.state_dict().items()
        if not name.startswith("dense")
    }


def test_all_weights_but_the_heads_are_taken(start: Start) -> None:
    network = new_network(start)
    drawn = network.dense1.kernel.clone()
    fill(network, start)
    assert torch.equal(network.dense1.kernel, drawn)
    for name, value in body(network).items():
        assert torch.equal(value, start.weights[name]), name


def test_a_tensor_that_images_of_another_size_do_not_fit_is_named(start: Start) -> None:
    text = "conv 2 3 same | flatten | dense 5 relu | dense classes"
    old = build(plan(text, "8x8x1", 2))
    flat = Start("flat", old.plan.network, FORMAT, weights_of(old), "flat", "f", "0")
    small = plan(flat.redesign(), "6x6x1", 2)
    with pytest.raises(ModelFileError, match=r"dense1\.kernel is \[5, 128\] instead of \[5, 72\]"):
        require_fit(flat, small, Recipe())


def test_statistics_are_kept_in_training(start: Start) -> None:
    network = new_network(start)
    fill(network, start)
    before = body(network)
    network.train()
    images = torch.randn(4, 1, 8, 8, generator=torch.manual_seed(0))
    wanted = network(images)
    network.eval()
    torch.testing.assert_close(network(images), wanted)
    wanted.sum().backward()
    assert network.norm1.gamma.grad is not None
    for name, value in body(network).items():
        assert torch.equal(value, before[name])


def test_rates_fall_by_the_size_of_the_maps() -> None:
    made = plan("efficientnet-lite0", "224x224x3", 10)
    rates = layer_rates(made)
    assert rates["dense1"] == 1.0
    assert rates["conv1"] == rates["conv2"] == DECAY**-5
    shapes = {row.name: row.output_shape for row in made.rows}
    by_size = {shapes[name][0]: rate for name, rate in rates.items() if name != "dense1"}
    assert by_size == {112: DECAY**-5, 56: DECAY**-4, 28: DECAY**-3, 14: DECAY**-2, 7: 1 / DECAY}
    assert rates.keys() == {row.name for row in made.rows if row.weights}


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_every_weight_gets_its_layers_share_of_the_rate(kind: str, start: Start) -> None:
    network = new_network(start)
    rates = layer_rates(network.plan)
    optimizer = make_optimizer(network, network.plan, Recipe(optimizer=kind), rates)
    set_learning_rate(optimizer, 0.5)
    names = {id(weight): name for name, weight in network.named_parameters()}
    found = {
        names[id(weight)]: group["lr"]
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    assert found == {name: 0.5 * rates[name.split(".")[0]] for name in names.values()}


def test_the_head_alone_learns_first(start: Start, decoded: Decoded, notes: Any) -> None:
    network = new_network(start)
    fill(network, start)
    before, drawn = body(network), network.dense1.kernel.clone()
    model = TrainedModel(network, FORMAT, ("low", "middle", "top"))
    result = train_head(
        model,
        decoded.stores["train"],
        recipe=Recipe(),
        seed=0,
        stop_requested=lambda: False,
        watcher=notes,
    )
    assert not torch.equal(network.dense1.kernel, drawn)
    for name, value in body(network).items():
        assert torch.equal(value, before[name]), name
    assert (result.images, notes.of("message")) == (30, [(notes.of("message")[0][0],)])
    assert result.accuracy > 0.5
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize("why", ["time", "interrupt"])
def test_the_head_learns_from_what_was_reached_in_time(
    why: str, start: Start, decoded: Decoded, notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convwise.training.transfer.EMBEDDED_TOGETHER", 10)
    network = new_network(start)
    result = train_head(
        TrainedModel(network, FORMAT, ("low", "middle", "top")),
        decoded.stores["train"],
        recipe=Recipe(time_limit=1e-6 if why == "time" else None),
        seed=0,
        stop_requested=lambda: why == "interrupt",
        watcher=notes,
    )
    assert result.images == 10


def test_only_what_was_not_asked_for_is_set() -> None:
    asked = Recipe(batch_size=7, crop=0.0, label_smoothing=0.2)
    found = transfer_recipe(asked, images=1_000)
    assert (found.batch_size, found.crop, found.label_smoothing) == (7, 0.0, 0.2)
    assert (found.optimizer, found.peak_learning_rate, found.epochs) == ("adamw", 0.001, 6)
    assert transfer_recipe(Recipe(), images=30).epochs == 20
    assert transfer_recipe(Recipe(), images=10**6).epochs == 3
    assert transfer_recipe(Recipe(time_limit=5), images=30).epochs is None
    assert transfer_recipe(Recipe(optimizer="sgd"), images=30).peak_learning_rate == 0.01
    assert transfer_recipe(Recipe(optimizer="sgd", learning_rate=0.3), 9).peak_learning_rate == 0.3
    with pytest.raises(OptionError, match="use adamw or sgd"):
        transfer_recipe(Recipe(optimizer="muon"), images=30)


def test_a_run_goes_on_from_a_run(first: Path, decoded: Decoded, tmp_path: Path) -> None:
    options: dict[str, Any] = {"recipe": RECIPE, "start_from": first, "threads": 1, "seed": 3}
    options["precision"] = "fp32"
    run = train(decoded, out=tmp_path / "next", **options)
    facts = json.loads((tmp_path / "next" / "run.json").read_text(encoding="utf-8"))
    assert facts["start"]["source"] == str(first)
    assert facts["start"]["file"] == str(first / "model.safetensors")
    sums = dict(
        reversed(line.split("  ")) for line in (first / "SHA256SUMS").read_text().splitlines()
    )
    assert facts["start"]["sha256"] == sums["model.safetensors"]
    assert facts["start"]["head"]["images"] == 30
    assert facts["recipe"]["optimizer"] == "adamw"
    assert facts["asked"] == {"epochs": 3, "batch_size": 10}
    old = load_model(first)
    assert run.model.image_format == old.image_format
    # Its statistics stay, its kernels move.
    kept, now = old.network.state_dict(), run.model.network.state_dict()
    for name, value in kept.items():
        assert torch.equal(value, now[name]) == name.startswith(("norm1.mov", "norm2.mov")), name
    again = train(decoded, out=tmp_path / "again", **options)
    for name, value in again.model.network.state_dict().items():
        assert torch.equal(value, now[name]), name


def test_a_time_limit_counts_the_head_too(first: Path, decoded: Decoded, tmp_path: Path) -> None:
    recipe = Recipe(time_limit=1.0, batch_size=10)
    run = train(decoded, recipe=recipe, start_from=first, out=tmp_path / "timed", threads=1)
    head = run.facts["start"]["head"]["seconds"]
    assert run.status == "time limit"
    assert head <= run.history[0].seconds
    # The schedule begins after the head: its rate still rises from near 0.
    assert run.history[0].learning_rate < 0.001
    assert np.isfinite(run.facts["result"]["train_seconds"])


def test_another_network_is_refused_before_anything_is_written(
    first: Path, decoded: Decoded, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match="the network lenet is not custom"):
        train(decoded, "lenet", start_from=first, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()
