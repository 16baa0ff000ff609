"""What layers are told before each step, so that they themselves hold nothing of a training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from convwise.data.draws import draws
from convwise.model.modules import BatchNorm, Dropout


def warm_up_statistics(network: nn.Module, step: int) -> None:
    """Let the moving statistics of normalisation follow fast at first.

    With Keras's momentum of 0.99 they would need some 300 steps to forget that they started from 0
    and 1, and a short training would end with a network that errs only in prediction.

    Args:
        network: about to take a step.
        step: how many it has taken.
    """
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.momentum_limit = (1 + step) / (10 + step)


def set_dropout_keys(network: nn.Module, seed: int, epoch: int, keys: NDArray[np.int64]) -> None:
    """Let each image's masks depend on (seed, epoch, image) and the layer alone.

    Args:
        network: about to take a step.
        seed: of the training.
        epoch: its number.
        keys: what random changes of the batch's images depend on, (batch,).
    """
    dropouts = (module for module in network.modules() if isinstance(module, Dropout))
    for number, module in enumerate(dropouts):
        module.keys = draws("dropout", seed, epoch, number, counters=keys)


def seed_masks(seed: int, step: int, rank: int = 0) -> None:
    """Let the masks that a GPU draws in this step depend on (seed, step, process) alone.

    So its generator has no state that a checkpoint would have to keep.

    Args:
        seed: of the training.
        step: how many it has taken.
        rank: of this process.
    """
    drawn = draws("masks", seed, rank, counters=np.array([step], np.int64))
    torch.manual_seed(int(drawn[0]) >> 1)
