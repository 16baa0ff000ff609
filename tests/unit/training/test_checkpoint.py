from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from convwise.errors import CheckpointError, StorageError
from convwise.training.checkpoint import FILE_NAME, Checkpoint, load_checkpoint, save_checkpoint

TENSORS = {
    "network.kernel": torch.arange(6.0).reshape(2, 3),
    "network.half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "optimizer.step": torch.tensor(7.0),
    "nothing": torch.zeros(0),
}
FACTS = {"epoch": 2, "loss": 0.1 + 0.2, "history": [{"epoch": 1}]}


def test_what_is_saved_is_loaded_to_the_bit(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS))
    assert path == tmp_path / FILE_NAME
    found = load_checkpoint(tmp_path)
    assert found.facts == FACTS
    assert found.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor), name
    assert found.below("network.").keys() == {"kernel", "half"}


def test_facts_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path, Checkpoint({}, {"loss": float("nan")}))
    assert list(tmp_path.iterdir()) == []


def test_a_new_checkpoint_replaces_the_old_one_and_a_failed_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS))
    save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS | {"epoch": 3}))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS | {"epoch": 4}))
    assert load_checkpoint(tmp_path).facts["epoch"] == 3
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_checkpoint_that_is_missing_cut_off_or_foreign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not there"):
        load_checkpoint(tmp_path)
    path = save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS))
    content = path.read_bytes()
    foreign = safetensors.torch.save({"a": torch.zeros(2)}, {"convwise": "{}"})
    for damaged in (content[:-1], content[:50], b"", foreign):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=FILE_NAME):
            load_checkpoint(tmp_path)


def test_a_bit_that_turned_is_found_wherever_it_is(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS))
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(bytes(damaged))
        try:
            found = load_checkpoint(tmp_path)
        except CheckpointError:
            continue
        # What is left are places that say nothing: spaces that fill up the header.
        assert content[place : place + 1] == b" ", place
        assert found.facts == FACTS


def test_the_damaged_part_is_named(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS))
    content = bytearray(path.read_bytes())
    place = bytes(content).index(TENSORS["network.kernel"].numpy().tobytes())
    content[place + 4] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match=r"network\.kernel has not the SHA-256"):
        load_checkpoint(tmp_path)


def test_the_header_is_json_that_anyone_can_read(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, Checkpoint(TENSORS, FACTS))
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["facts"]) == FACTS
    assert json.loads(metadata["manifest"]).keys() == {*TENSORS, "facts"}
