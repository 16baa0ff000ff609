from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.design.plan import plan
from convwise.model.build import ConvNet, build
from convwise.model.modules import Weighted
from convwise.training import layer_precision
from convwise.training.computing import computing_in
from convwise.training.layer_precision import LayerHeat, race_layers, use_layers

TEXT = """
conv 8 3 same norm relu
conv 8 3 same norm relu
conv 8 3 same norm relu
residual
  conv 12 3 2 same
separable 8 3 relu
flatten
dense classes
"""
NAMES = ["conv1", "conv2", "conv3", "conv4", "add1.projection", "conv5", "dense1"]
IMAGES = torch.randn(6, 8, 8, 1, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)


@pytest.fixture
def network() -> ConvNet:
    return build(plan(TEXT, "8x8x1", 3))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "races" / "here.json"


def let_win(monkeypatch: pytest.MonkeyPatch, winner: str, slowness: float = 1.0) -> list[Weighted]:
    """Let one precision always be quicker; return the layers that were timed."""
    timed: list[Weighted] = []

    def milliseconds(module: Weighted, x: Tensor, slope: Tensor) -> tuple[float, float]:
        timed.append(module)
        return (2.0, 1.0) if winner == "bf16" else (1.0, 2.0)

    monkeypatch.setattr(layer_precision, "_milliseconds", milliseconds)
    monkeypatch.setattr(layer_precision, "_slowness", lambda: slowness)
    return timed


def in_fp32(network: nn.Module) -> set[str]:
    return {
        name
        for name, module in network.named_modules()
        if isinstance(module, Weighted) and module.in_fp32
    }


def test_layers_that_are_alike_are_raced_once(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_win(monkeypatch, "bf16")
    heats = race_layers(network, IMAGES, notes)
    layers = [heat.layers for heat in heats]
    assert ("conv2", "conv3") in layers
    assert sorted(name for each in layers for name in each) == sorted(NAMES)
    assert heats[0].shape == (6, 1, 8, 8)
    assert {heat.chosen for heat in heats} == {"bf16"}
    assert heats[0].reason == "2.0 times as fast"
    assert all(0 < (heat.error or 0) < layer_precision.TOLERANCE for heat in heats)


@pytest.mark.parametrize(("winner", "stay"), [("bf16", set()), ("fp32", set(NAMES))])
def test_layers_that_lose_stay_in_fp32(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch, winner: str, stay: set[str]
) -> None:
    let_win(monkeypatch, winner)
    use_layers(race_layers(network, IMAGES, notes), network)
    assert in_fp32(network) == stay


def test_a_layer_that_stays_in_fp32_computes_in_it_and_hands_on_bf16(network: ConvNet) -> None:
    layer = network.get_submodule("conv2")
    assert isinstance(layer, Weighted)
    x = torch.randn(2, 8, 8, 8).bfloat16().requires_grad_()
    wanted = layer.weighted_sum(x.float()).bfloat16()
    with computing_in("bf16"):
        assert not torch.equal(layer.summed(x), wanted)
        layer.in_fp32 = True
        found = layer.summed(x)
    assert torch.equal(found, wanted)
    assert layer.summed(x.float()).dtype == torch.float32
    found.sum().backward()
    assert x.grad is not None
    assert layer.kernel.grad is not None


def test_a_convolution_that_is_computed_wrongly_in_bf16_is_caught(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = F.conv2d

    def wrong(x: Tensor, weight: Tensor, *rest: object) -> Tensor:
        y = right(x, weight, *rest)  # type: ignore[arg-type]
        planted = torch.is_autocast_enabled("cpu") and weight.shape[:2] == (8, 8)
        return y.roll(1, dims=-1) if planted else y

    let_win(monkeypatch, "bf16")
    monkeypatch.setattr(F, "conv2d", wrong)
    heats = race_layers(network, IMAGES, notes)
    use_layers(heats, network)
    assert in_fp32(network) == {"conv2", "conv3"}
    caught = next(heat for heat in heats if heat.layers == ("conv2", "conv3"))
    assert caught.reason.startswith("bf16's results differ by 1")
    x = torch.randn(2, 8, 8, 8)
    layer = network.get_submodule("conv2")
    assert isinstance(layer, Weighted)
    with torch.no_grad(), computing_in("bf16"):
        found = layer.summed(x)
    assert torch.equal(found, layer.weighted_sum(x).bfloat16())


@pytest.mark.parametrize("broken", ["gradient", "no number", "failure"])
def test_gradients_that_err_and_layers_that_fail_are_caught(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    right = layer_precision._values

    def wrong(module: Weighted, x: Tensor, slope: Tensor, precision: str) -> list[Tensor]:
        values = right(module, x, slope, precision)  # type: ignore[arg-type]
        if precision == "bf16" and broken == "failure":
            raise RuntimeError("no such instruction")
        if precision == "bf16":
            values[-1] = values[-1] * (1.1 if broken == "gradient" else math.nan)
        return values

    let_win(monkeypatch, "bf16")
    monkeypatch.setattr(layer_precision, "_values", wrong)
    heats = race_layers(network, IMAGES, notes)
    assert {heat.chosen for heat in heats} == {"fp32"}
    told = {
        "gradient": "results differ by",
        "no number": "differ by inf",
        "failure": "no such instruc",
    }
    assert all(told[broken] in heat.reason for heat in heats)
    json.dumps([heat.to_dict() for heat in heats], allow_nan=False)


def test_where_bf16_is_emulated_no_layer_is_tried(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = let_win(monkeypatch, "bf16", slowness=80.0)
    heats = race_layers(network, IMAGES, notes)
    assert not timed
    assert {(heat.chosen, heat.reason) for heat in heats} == {
        ("fp32", "bf16 is 80 times slower here")
    }


def test_an_outcome_is_kept_and_decides_again(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_win(monkeypatch, "bf16")
    first = race_layers(network, IMAGES, notes)
    timed = let_win(monkeypatch, "fp32")
    assert race_layers(network, IMAGES, notes) == first
    assert not timed
    notes.write_text('{"conv": [1, 2, null, "fp16", ""]}')
    assert {heat.chosen for heat in race_layers(network, IMAGES, notes)} == {"fp32"}


def test_a_race_changes_nothing(network: ConvNet, notes: Path) -> None:
    before = copy.deepcopy(network.state_dict())
    random_state = torch.get_rng_state()
    heats = race_layers(network.train(), IMAGES, notes)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(isinstance(heat, LayerHeat) for heat in heats)
    assert not in_fp32(network)


def test_a_lack_of_memory_is_no_outcome(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*values: object) -> list[Tensor]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    let_win(monkeypatch, "bf16")
    monkeypatch.setattr(layer_precision, "_values", lacking)
    with pytest.raises(RuntimeError, match="allocate"):
        race_layers(network, IMAGES, notes)
    assert not notes.exists()
