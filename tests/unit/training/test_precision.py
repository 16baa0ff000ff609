from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from convwise.design.plan import plan
from convwise.model.build import ConvNet, build
from convwise.training import kept_race, precision
from convwise.training.kept_race import race_once
from convwise.training.layer_precision import LayerHeat
from convwise.training.precision import Contender, Race, computing_in, race

Step = Callable[[nn.Module, Tensor, Tensor, str], Tensor]


@pytest.fixture(autouse=True)
def _short_race(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "RACE_SECONDS", 0.01)


@pytest.fixture
def network() -> ConvNet:
    text = "conv 4 3 same norm relu | dropout 0.5 | flatten | dense classes"
    return build(plan(text, "8x8x1", 3))


IMAGES = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 3


def bf16_seconds(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float]) -> None:
    """Let a step in each precision take so long by a clock that only steps move."""
    real: Step = precision._step
    now = [0.0]

    def timed(network: nn.Module, images: Tensor, labels: Tensor, chosen: str) -> Tensor:
        now[0] += seconds[chosen] * len(labels)
        return real(network, images, labels, chosen)

    monkeypatch.setattr(precision, "_step", timed)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])


def check(result: Race) -> None:
    assert [each.precision for each in result.contenders] == ["fp32", "bf16"]
    assert result.chosen in ("fp32", "bf16")
    assert all(each.images_per_second > 0 for each in result.contenders)
    assert result.contenders[0].verdict == "reference"


def test_a_race_names_both_contenders(network: ConvNet) -> None:
    result = race(network, IMAGES, LABELS)
    check(result)
    values = result.to_dict()
    assert values["chosen"] == result.chosen
    keys = {"precision", "images_per_second", "relative_error", "verdict"}
    assert all(entry.keys() == keys for entry in values["race"])


def test_a_race_leaves_the_network_as_it_was(network: ConvNet) -> None:
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    race(network, IMAGES, LABELS)
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_the_faster_one_is_chosen(network: ConvNet, monkeypatch: pytest.MonkeyPatch) -> None:
    bf16_seconds(monkeypatch, {"fp32": 1.0, "bf16": 0.5})
    result = race(network, IMAGES, LABELS)
    check(result)
    assert (result.chosen, result.contenders[1].verdict) == ("bf16", "faster")
    assert 0 < result.contenders[1].relative_error < precision.LOGIT_TOLERANCE


def test_the_slower_one_is_not(network: ConvNet, monkeypatch: pytest.MonkeyPatch) -> None:
    bf16_seconds(monkeypatch, {"fp32": 1.0, "bf16": 2.0})
    result = race(network, IMAGES, LABELS)
    assert (result.chosen, result.contenders[1].verdict) == ("fp32", "slower")


def test_one_that_is_far_behind_on_few_images_is_not_tried_on_all(
    network: ConvNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    bf16_seconds(monkeypatch, {"fp32": 1.0, "bf16": 100.0})
    result = race(network, IMAGES, LABELS)
    check(result)
    assert result.chosen == "fp32"
    assert result.contenders[1].verdict == "100 times slower than fp32 on 4 images"


def corrupted_logits(network: nn.Module, logits: Tensor) -> Tensor:
    return logits * 1.5


def corrupted_gradients(network: nn.Module, logits: Tensor) -> Tensor:
    for weight in network.parameters():
        if weight.grad is not None:
            weight.grad = weight.grad.flip(0) * 2
    return logits


def no_numbers(network: nn.Module, logits: Tensor) -> Tensor:
    return logits * torch.nan


@pytest.mark.parametrize("corrupt", [corrupted_logits, corrupted_gradients, no_numbers])
def test_wrong_results_lose_however_fast(
    network: ConvNet,
    monkeypatch: pytest.MonkeyPatch,
    corrupt: Callable[[nn.Module, Tensor], Tensor],
) -> None:
    real: Step = precision._step

    def wrong(network: nn.Module, images: Tensor, labels: Tensor, chosen: str) -> Tensor:
        logits = real(network, images, labels, chosen)
        return corrupt(network, logits) if chosen == "bf16" else logits

    monkeypatch.setattr(precision, "_step", wrong)
    bf16_seconds(monkeypatch, {"fp32": 1.0, "bf16": 0.1})
    result = race(network, IMAGES, LABELS)
    assert result.chosen == "fp32"
    assert "results differ from fp32" in result.contenders[1].verdict


def test_a_network_without_kernels_can_race() -> None:
    network = build(plan("global_avgpool | norm", "4x4x3", 3))
    check(race(network, torch.randn(4, 3, 4, 4), torch.arange(4) % 3))


def test_bf16_computes_in_bf16(network: ConvNet) -> None:
    for chosen, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with computing_in(chosen):
            assert network(IMAGES).dtype == dtype


def heats(*chosen: str) -> tuple[LayerHeat, ...]:
    names = ("conv1", "dense1")
    return tuple(
        LayerHeat((name,), (12, 1, 8, 8), 1.0, 1.0, 0.0, each, "")  # type: ignore[arg-type]
        for name, each in zip(names, chosen, strict=True)
    )


def test_layers_that_lost_stay_in_fp32_while_the_network_races(
    network: ConvNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    bf16_seconds(monkeypatch, {"fp32": 1.0, "bf16": 0.5})
    whole, mixed = (
        race(network, IMAGES, LABELS, layers=layers) for layers in ((), heats("bf16", "fp32"))
    )
    assert mixed.chosen == "bf16"
    assert mixed.layers == heats("bf16", "fp32")
    assert mixed.contenders[1].relative_error != whole.contenders[1].relative_error


def test_where_no_layer_is_faster_in_bf16_the_network_is_not_tried(network: ConvNet) -> None:
    result = race(network, IMAGES, LABELS, layers=heats("fp32", "fp32"))
    assert result.chosen == "fp32"
    assert result.speed > 0
    lost = result.contenders[1]
    assert (lost.images_per_second, lost.verdict) == (None, "no layer is faster in bf16")


def test_an_outcome_is_kept_and_decides_again(
    network: ConvNet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tuned: list[torch.dtype] = []

    def once(name: str, layers: tuple[LayerHeat, ...] = ()) -> Race:
        def tune(network: nn.Module, number: torch.dtype) -> None:
            tuned.append(number)

        return race_once(name, network, IMAGES, LABELS, tune, layers, tmp_path / "notes.json")

    bf16_seconds(monkeypatch, {"fp32": 1.0, "bf16": 0.5})
    first = once("a")
    bf16_seconds(monkeypatch, {"fp32": 1.0, "bf16": 4.0})
    tuned.clear()
    assert once("a") == first
    assert tuned == [torch.float32, torch.bfloat16]
    assert once("b").chosen == "fp32"
    assert once("a", heats("bf16", "fp32")).chosen == "fp32"
    (tmp_path / "notes.json").write_text('{"x": {"chosen": "fp16", "race": []}}')
    assert once("a").chosen == "fp32"


def test_a_process_that_kept_its_outcome_first_decides_for_one_that_raced_at_once(
    network: ConvNet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reference = Contender("fp32", 100.0, 0.0, "reference")
    first = Race("bf16", (reference, Contender("bf16", 200.0, 0.001, "faster")))
    late = Race("fp32", (reference, Contender("bf16", 90.0, 0.001, "slower")))
    tuned: list[torch.dtype] = []

    def once() -> Race:
        def tune(network: nn.Module, number: torch.dtype) -> None:
            tuned.append(number)

        return race_once("a", network, IMAGES, LABELS, tune, (), tmp_path / "notes.json")

    def slow_race(*values: object) -> Race:
        monkeypatch.setattr(kept_race, "race", lambda *values: first)
        assert once() == first
        return late

    monkeypatch.setattr(kept_race, "race", slow_race)
    assert once() == first
    assert tuned == [torch.float32, torch.bfloat16]
