"""A checkpoint: tensors and facts in one file, which is complete or not there.

One safetensors file, so no pickle and no code. Its header's metadata holds two JSON texts:
``facts``, and ``manifest``, the SHA-256 of the facts and of each tensor with its type and shape.
The file is written aside, flushed and renamed over the one before. What the tensors and facts of a
training are, ``convwise.training.state`` knows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from convwise.errors import CheckpointError
from convwise.training.storage import write_atomically

FILE_NAME = "state.safetensors"
_FACTS = "facts"
_MANIFEST = "manifest"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Args:
        tensors: by name, on the CPU, contiguous.
        facts: JSON values.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def below(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose name begins so, by the rest of their name."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Replace the folder's checkpoint; one rename makes the new one the last complete one.

    Raises:
        StorageError: the file could not be written; the checkpoint before it still stands.
    """
    facts = json.dumps(checkpoint.facts, allow_nan=False)
    manifest = _manifest(checkpoint.tensors, facts)
    path = folder / FILE_NAME
    metadata = {_FACTS: facts, _MANIFEST: json.dumps(manifest)}
    write_atomically(path, save(checkpoint.tensors, metadata=metadata))
    return path


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the last complete checkpoint of a run, and compare it with its manifest.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise CheckpointError(f"{path} is not there: no step was taken, or it was removed")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            text, manifest = metadata[_FACTS], json.loads(metadata[_MANIFEST])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        _compare(manifest, _manifest(tensors, text))
        return Checkpoint(tensors, json.loads(text))
    except CheckpointError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    except Exception as error:  # a damaged file can raise whatever its reader stumbles on
        raise CheckpointError(f"{path} is no complete checkpoint ({error})") from None


def _manifest(tensors: Mapping[str, Tensor], facts: str) -> dict[str, str]:
    digests = {name: _digest(tensor) for name, tensor in sorted(tensors.items())}
    return {_FACTS: hashlib.sha256(facts.encode()).hexdigest(), **digests}


def _digest(tensor: Tensor) -> str:
    """Return the SHA-256 over type, shape and bytes."""
    digest = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)} ".encode())
    digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _compare(manifest: Any, found: dict[str, str]) -> None:
    if not isinstance(manifest, dict) or manifest.keys() != found.keys():
        raise CheckpointError("its parts are not those of its manifest")
    for name, digest in found.items():
        if manifest[name] != digest:
            raise CheckpointError(f"{name} has not the SHA-256 that its manifest tells")
