from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from convwise.design.plan import plan
from convwise.errors import ModelFileError, StorageError
from convwise.model.build import build
from convwise.training.checkpoint import FILE_NAME, load_checkpoint, save_checkpoint
from convwise.training.optimizer import make_optimizer
from convwise.training.recipe import Recipe

PLAN = plan("conv 4 3 norm relu | conv 4 3 norm relu | flatten | dense classes", "8x8x1", 2)
FACTS = {"epoch": 2, "step": 17, "seconds": 0.125, "seed": 3}


def stepped(kind: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    network = build(PLAN).train()
    optimizer = make_optimizer(network, PLAN, Recipe(optimizer=kind))
    network(torch.randn(4, 1, 8, 8)).sum().backward()
    optimizer.step()
    return network, optimizer


@pytest.mark.parametrize("kind", ["sgd", "adamw", "muon"])
def test_a_checkpoint_holds_every_bit_of_a_training(tmp_path: Path, kind: str) -> None:
    network, optimizer = stepped(kind)
    torch.manual_seed(99)
    save_checkpoint(tmp_path, network, optimizer, FACTS)
    expected = torch.rand(3)
    found = load_checkpoint(tmp_path)
    assert found.facts == FACTS
    assert found.weights.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        assert torch.equal(found.weights[name], value)
    names = dict(network.named_parameters())
    wanted = {
        f"{name}.{quantity}": value
        for name, weight in names.items()
        for quantity, value in optimizer.state[weight].items()
        if isinstance(value, torch.Tensor)
    }
    assert wanted.keys() == found.optimizer.keys()
    assert len(wanted) >= len(names)
    assert all(torch.equal(found.optimizer[name], value) for name, value in wanted.items())
    torch.set_rng_state(found.random_state)
    assert torch.equal(torch.rand(3), expected)


def test_a_new_checkpoint_replaces_the_old_one_and_a_failed_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, optimizer = stepped("sgd")
    save_checkpoint(tmp_path, network, optimizer, FACTS)
    save_checkpoint(tmp_path, network, optimizer, FACTS | {"epoch": 3})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        save_checkpoint(tmp_path, network, optimizer, FACTS | {"epoch": 4})
    assert load_checkpoint(tmp_path).facts["epoch"] == 3
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_checkpoint_that_is_missing_cut_off_or_foreign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no complete checkpoint"):
        load_checkpoint(tmp_path)
    path = save_checkpoint(tmp_path, *stepped("sgd"), FACTS)
    content = path.read_bytes()
    import safetensors.torch

    foreign = safetensors.torch.save({"a": torch.zeros(2)}, {"convwise": "{}"})
    for damaged in (content[:-1], content[:50], b"", foreign):
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=FILE_NAME):
            load_checkpoint(tmp_path)
