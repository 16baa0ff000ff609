from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from convwise.data.batches import to_input
from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.kernels import available
from convwise.model import race as race_module
from convwise.model.build import ConvNet, build
from convwise.model.modules import BatchNorm, Dropout, MaxPool
from convwise.model.modules.raced import Raced
from convwise.model.race import LayerRace
from convwise.model.random_batch import random_batch

if not available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

from convwise.kernels import parallel

TEXT = """
conv 8 3 same norm relu
maxpool 2
conv 8 3 same norm relu
conv 8 3 same norm relu
dropout 0.5
flatten
dense classes
"""
IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network() -> ConvNet:
    return build(plan(TEXT, "8x8x1", 3))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "races" / "here.json"


def let_win(monkeypatch: pytest.MonkeyPatch, winner: str) -> list[Raced]:
    """Let one way always be quicker; return the layers that were timed."""
    timed: list[Raced] = []

    def milliseconds(module: Raced, inputs: list[Tensor], slope: Tensor) -> tuple[float, float]:
        timed.append(module)
        return (2.0, 1.0) if winner == "kernel" else (1.0, 2.0)

    monkeypatch.setattr(race_module, "_milliseconds", milliseconds)
    return timed


def test_layers_that_are_alike_are_timed_once(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = let_win(monkeypatch, "kernel")
    race = LayerRace(network, IMAGES, notes)
    race.run(network, torch.float32)
    assert [type(module) for module in timed] == [BatchNorm, MaxPool, BatchNorm]
    assert [len(heat.layers) for heat in race.heats] == [1, 1, 2]
    assert [heat.shape for heat in race.heats] == [(6, 8, 8, 8), (6, 8, 8, 8), (6, 8, 4, 4)]
    assert {heat.winner for heat in race.heats} == {"kernel"}
    assert "2.0 times as fast" in race.heats[0].reason


@pytest.mark.parametrize("winner", ["kernel", "torch"])
def test_the_winner_is_used(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch, winner: str
) -> None:
    let_win(monkeypatch, winner)
    LayerRace(network, IMAGES, notes).run(network, torch.float32)
    expected = {torch.float32} if winner == "kernel" else set()
    for module in network.modules():
        if isinstance(module, Raced):
            # Which values are dropped must not depend on what was quicker.
            assert module.kernel_types == (expected if module.raced else {torch.float32})


def test_the_race_changes_no_weight_and_no_statistic(network: ConvNet, notes: Path) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    LayerRace(network, IMAGES, notes).run(network, torch.float32)
    after = network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_outcome_is_kept_and_decides_again(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_win(monkeypatch, "kernel")
    first = LayerRace(network, IMAGES, notes)
    first.run(network, torch.float32)
    timed = let_win(monkeypatch, "torch")
    second = LayerRace(network, IMAGES, notes)
    second.run(network, torch.float32)
    assert not timed
    assert second.heats == first.heats
    second.run(network, torch.bfloat16)
    assert len(timed) == 3


def test_normalisation_that_keeps_its_statistics_decides_for_no_other(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_win(monkeypatch, "kernel")
    kept = build(network.plan)
    for module in kept.modules():
        if isinstance(module, BatchNorm):
            module.keeps_statistics = True
    race = LayerRace(kept, IMAGES, notes)
    race.run(kept, torch.float32)
    assert [heat.winner for heat in race.heats] == ["torch", "kernel", "torch"]
    trained = LayerRace(network, IMAGES, notes)
    trained.run(network, torch.float32)
    assert {heat.winner for heat in trained.heats} == {"kernel"}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": [1, 2, "both", "x"]}', b"\xff"])
def test_damaged_notes_are_raced_again(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    notes.parent.mkdir()
    notes.write_bytes(content)
    timed = let_win(monkeypatch, "kernel")
    LayerRace(network, IMAGES, notes).run(network, torch.float32)
    assert len(timed) == 3
    assert len(json.loads(notes.read_text())) == 3


def test_notes_that_cannot_be_written_do_not_matter(network: ConvNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    race = LayerRace(network, IMAGES, tmp_path / "file" / "here.json")
    race.run(network, torch.float32)
    assert len(race.heats) == 3


def test_a_kernel_with_other_results_is_not_used(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = MaxPool.by_kernel
    monkeypatch.setattr(MaxPool, "by_kernel", lambda self, x: right(self, x) * 1.01)
    race = LayerRace(network, IMAGES, notes)
    race.run(network, torch.float32)
    assert race.heats[1].winner == "torch"
    assert "results differ by 0.01" in race.heats[1].reason


def test_a_kernel_that_fails_is_not_used(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: MaxPool, x: Tensor) -> Tensor:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(MaxPool, "by_kernel", fail)
    race = LayerRace(network, IMAGES, notes)
    race.run(network, torch.float32)
    assert race.heats[1].reason == "the kernel failed (RuntimeError: no such instruction)"
    assert not network.get_submodule("pool1").kernel_types


def test_dropped_values_depend_on_image_and_layer_alone(network: ConvNet, notes: Path) -> None:
    LayerRace(network, IMAGES, notes).run(network, torch.float32)
    dropout = next(module for module in network.modules() if isinstance(module, Dropout))
    dropout.train()
    keys = torch.arange(6).numpy().astype("uint64")
    x = torch.ones(6, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    dropout.keys = keys
    together = dropout(x)
    dropout.keys = keys[2:4]
    assert torch.equal(dropout(x[2:4]), together[2:4])


def test_a_kernel_that_won_before_runs_once_before_a_training(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_win(monkeypatch, "kernel")
    LayerRace(network, IMAGES, notes).run(network, torch.float32)
    ran = []
    by_kernel = MaxPool.by_kernel
    monkeypatch.setattr(
        MaxPool, "by_kernel", lambda pool, x: (ran.append(len(x)), by_kernel(pool, x))[1]
    )
    LayerRace(network, IMAGES, notes).run(network, torch.float32)
    assert ran
    assert max(ran) <= 2


def test_the_seconds_of_compiling_are_told_apart(
    network: ConvNet, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_win(monkeypatch, "kernel")
    clock = iter([1.0, 3.5, 4.0, 4.0])
    monkeypatch.setattr(parallel, "seconds_of_compiling", lambda: next(clock))
    race = LayerRace(network, IMAGES, notes)
    race.run(network, torch.float32)
    race.run(network, torch.bfloat16)
    assert race.seconds_of_compiling == 2.5


@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_lie_in_memory_as_a_real_batch_does(channels: int) -> None:
    pixels = np.zeros((2, 5, 7, channels), np.uint8)
    real = to_input(pixels, ImageFormat(5, 7, channels))
    drawn = random_batch((2, channels, 5, 7), seed=0)
    assert drawn.stride() == real.stride()
    assert drawn.bfloat16().stride() == real.stride()
