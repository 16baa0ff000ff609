"""The processes that train one network together, and this one's place among them.

``torchrun --nproc-per-node=2 -m convwise train …`` starts them. Each reads the data, takes its part
of every batch, and holds the same weights; ``DistributedDataParallel`` averages gradients. What
must be decided alike, when to stop, when to keep a checkpoint, how late it is, is what process 0
says, and travels with the loss of each step. Process 0 alone writes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from convwise.errors import OptionError, TrainingError
from convwise.model.modules import BatchNorm

Value = TypeVar("Value")


@dataclass(eq=False)
class World:
    """One process of several; alone unless told otherwise.

    Args:
        rank: of this process, from 0.
        size: how many there are.
        local_rank: of this process among those of its machine, from 0.

    Attributes:
        seconds: how late it was at the last step, by process 0's clock.

    Example:
        >>> world = World()
        >>> world.leads, world.part(np.arange(3)).tolist(), world.sums([1.0, 2.0])
        (True, [0, 1, 2], [1.0, 2.0])
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    seconds: float = field(default_factory=time.perf_counter)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def clock(self) -> float:
        """Return seconds; with several processes, those of the last :meth:`sums`."""
        return time.perf_counter() if self.size == 1 else self.seconds

    def part(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's share of a batch or a split; all shares make it up exactly."""
        return positions[self.rank :: self.size]

    def wrap(self, network: nn.Module, *, sync_norm: bool = False) -> nn.Module:
        """Return what computes the forward pass so that gradients are averaged in the backward.

        Args:
            network: the same in all processes.
            sync_norm: let its normalisation take the statistics of all processes' parts.
        """
        if self.size == 1:
            return network
        for module in network.modules():
            if isinstance(module, BatchNorm):
                module.over_processes = sync_norm
        # A kernel of one input channel has two equal orders in memory; copying is what follows.
        warnings.filterwarnings("ignore", "Grad strides do not match")
        # Moving statistics are process 0's, before each step.
        return DistributedDataParallel(network)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return sums over all processes, the same bits in each; and agree on the time."""
        if self.size == 1:
            return list(values)
        now = time.perf_counter() if self.leads else 0.0
        total = torch.tensor([*values, now], dtype=torch.float64)
        dist.all_reduce(total)
        *sums, self.seconds = total.tolist()
        return sums

    def merged(self, values: NDArray[np.float64], own: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return values of which each process knows some; what nobody knows stays as it is.

        Args:
            values: (n,).
            own: which of them this process has set, (n,).
        """
        if self.size == 1:
            return values
        known = torch.from_numpy(own.astype(np.float64))
        total = torch.from_numpy(np.where(own, values, 0.0))
        dist.all_reduce(known)
        dist.all_reduce(total)
        return np.where(known.numpy() > 0, total.numpy(), values)

    def agreed(self, value: Value | None) -> Value:
        """Return what process 0 gave; the others give None."""
        if self.size > 1:
            box = [value]
            dist.broadcast_object_list(box, src=0)
            value = box[0]
        return cast(Value, value)


ALONE = World()


@contextlib.contextmanager
def world_of_environment() -> Iterator[World]:
    """Join the processes that ``torchrun`` started; alone without it.

    Raises:
        OptionError: there are no means here to talk to the others.
        TrainingError: another process has died.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if not dist.is_available():
        raise OptionError("this build of torch cannot train in several processes")
    dist.init_process_group(_backend())
    try:
        rank = dist.get_rank()
        yield World(rank, size, int(os.environ.get("LOCAL_RANK", rank)))
    except RuntimeError as error:
        # So gloo tells that the other end of a connection is gone.
        if not any(words in str(error) for words in ("closed by peer", "reset by peer", "gloo")):
            raise
        raise TrainingError(
            "another process of this training has died; see its message, then go on with"
            " convwise resume, started as before"
        ) from None
    finally:
        # What still knows the group, DistributedDataParallel in a cycle of references, would keep
        # its threads until the interpreter is gone, and C++ ends a process that has such threads.
        gc.collect()
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()


def _backend() -> str:
    """Return what carries messages: gloo between processors, NCCL between GPUs."""
    if torch.cuda.is_available() and dist.is_nccl_available():
        return "cpu:gloo,cuda:nccl"
    return "gloo"
