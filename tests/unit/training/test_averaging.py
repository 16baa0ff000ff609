from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from convwise.data.dataset import Decoded
from convwise.model.modelfile import load_model
from convwise.training.averaging import WeightAverage
from convwise.training.checkpoint import load_checkpoint
from convwise.training.recipe import Recipe
from convwise.training.train import train

NETWORK = "conv 4 3 same norm relu | flatten | dense classes"


def averaged(decay: float, *values: float, first_step: int = 1_000) -> WeightAverage:
    """Average a network whose weights are all so large after one step each."""
    average, network = WeightAverage(decay), nn.Linear(2, 1)
    for number, value in enumerate(values):
        with torch.no_grad():
            for weight in network.parameters():
                weight.fill_(value)
        average.update(network, first_step + number)
    return average


def test_each_step_moves_the_average_by_the_rest_of_its_decay() -> None:
    average = averaged(0.75, 0.0, 4.0, 4.0)
    assert average.weights["weight"].tolist() == [[1.75, 1.75]]
    assert average.weights["bias"].tolist() == [1.75]


def test_the_first_steps_are_soon_forgotten() -> None:
    values = [100.0, *([1.0] * 20)]
    early = averaged(0.999, *values, first_step=0)
    late = averaged(0.999, *values, first_step=100_000)
    assert float(early.weights["bias"]) < 1.1
    assert float(late.weights["bias"]) > 90.0


def test_without_a_decay_nothing_is_kept() -> None:
    assert averaged(0.0, 1.0, 2.0).weights == {}


def test_a_network_has_the_average_for_a_while_and_then_its_own_weights_again() -> None:
    average = averaged(0.5, 0.0, 2.0)
    network = nn.Linear(2, 1)
    own = {name: value.clone() for name, value in network.state_dict().items()}
    with average.in_place(network):
        assert network.weight.tolist() == [[1.0, 1.0]]
    assert all(torch.equal(value, own[name]) for name, value in network.state_dict().items())


def test_the_model_has_the_averages_and_the_checkpoint_has_both(
    decoded: Decoded, tmp_path: Path
) -> None:
    recipe = Recipe(epochs=3, batch_size=10, prune_easy=0, ema=0.9)
    run = train(decoded, NETWORK, recipe, out=tmp_path / "run", precision="fp32", threads=1)
    kept = load_checkpoint(run.folder / "checkpoint").tensors
    model = load_model(run.folder / "model.safetensors").network.state_dict()
    for name, value in model.items():
        assert torch.equal(value, kept[f"average.{name}"])
        assert not torch.equal(value, kept[f"network.{name}"])


def test_each_epoch_is_validated_with_the_averages(decoded: Decoded, tmp_path: Path) -> None:
    """An average that hardly moves stays near the first weights, whatever is learnt."""
    losses = {}
    for ema in (0.0, 0.9):
        recipe = Recipe(epochs=2, batch_size=10, prune_easy=0, ema=ema)
        out = tmp_path / f"run{ema}"
        run = train(decoded, NETWORK, recipe, out=out, precision="fp32", threads=1)
        losses[ema] = [epoch.validation_loss for epoch in run.history]
    assert losses[0.0] != losses[0.9]
