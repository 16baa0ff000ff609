"""A checkpoint: everything that a training needs to go on, in one file without pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from convwise.errors import ModelFileError
from convwise.model.weights import weights_of
from convwise.training.storage import write_atomically

FILE_NAME = "state.safetensors"
_NETWORK = "network."
_OPTIMIZER = "optimizer."
_RANDOM = "random_state"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Args:
        weights: name → tensor of the network.
        optimizer: ``<parameter>.<quantity>`` → tensor, momentum for example.
        random_state: of torch's generator, which dropout draws from.
        facts: JSON values: ``epoch`` (finished ones), ``step``, ``seconds``, ``seed``.
    """

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    random_state: Tensor
    facts: dict[str, Any]


def save_checkpoint(
    folder: Path, network: nn.Module, optimizer: Optimizer, facts: dict[str, Any]
) -> Path:
    """Replace the folder's checkpoint; one rename makes the new one the last complete one.

    Raises:
        StorageError: the file could not be written; the checkpoint before it still stands.
    """
    tensors = {_NETWORK + name: value for name, value in weights_of(network).items()}
    for name, weight in network.named_parameters():
        for quantity, value in optimizer.state.get(weight, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{_OPTIMIZER}{name}.{quantity}"] = value.detach().contiguous()
    tensors[_RANDOM] = torch.get_rng_state()
    path = folder / FILE_NAME
    write_atomically(path, save(tensors, metadata={"convwise": json.dumps(facts)}))
    return path


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the last complete checkpoint of a run.

    Raises:
        ModelFileError: there is none, or it is damaged.
    """
    path = folder / FILE_NAME
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["convwise"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        random_state = tensors[_RANDOM]
    except Exception as error:
        raise ModelFileError(f"{path} is no complete checkpoint ({error})") from None
    return Checkpoint(
        weights=_below(_NETWORK, tensors),
        optimizer=_below(_OPTIMIZER, tensors),
        random_state=random_state,
        facts=facts,
    )


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
