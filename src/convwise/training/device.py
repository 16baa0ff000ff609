"""Where a training computes: on the processor, or on a GPU.

On the processor, layers are fused and computed by kernels of this package, and each layer's
precision is raced. A GPU gets torch's plain operations in channels_last order, whole networks raced
in its own half precision, and all pictures at once where its memory holds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from convwise.data.cores import processor
from convwise.errors import OptionError, TrainingError
from convwise.training.computing import Precision, PrecisionChoice
from convwise.training.world import ALONE, World

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]

# Pictures may take so much of the memory that is free; the rest is for a step's activations.
SHARE_FOR_PICTURES = 0.25


@dataclass(frozen=True)
class Device:
    """A device of torch's.

    Args:
        name: as torch writes it: ``cpu``, ``cuda:0``, ``mps``.
        accelerated: whether a training takes the way of GPUs there.

    Example:
        >>> Device("cuda:1", accelerated=True).kind, CPU.accelerated
        ('cuda', False)
    """

    name: str = "cpu"
    accelerated: bool = False

    @property
    def kind(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.name.partition(":")[0]

    @property
    def product(self) -> str | None:
        """What a GPU is sold as, which decides the bits of a training; None for the processor."""
        if self.kind == "cuda":
            return torch.cuda.get_device_name(self.name)
        return f"GPU of {processor()}" if self.kind == "mps" else None

    @property
    def half(self) -> Precision | None:
        """The precision that fp32 is raced against; None where there is no race.

        bf16 has fp32's range. GPUs without units for it have fp16, whose losses must be scaled.
        """
        if self.kind == "mps":
            return None
        if self.kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            return "fp16"
        return "bf16"

    def require(self, precision: PrecisionChoice) -> None:
        """Check that a training may ask for this precision here.

        Raises:
            OptionError: it is unknown, or not for this device.
        """
        if precision not in get_args(PrecisionChoice):
            raise OptionError(
                f"precision {precision!r}: use {', '.join(get_args(PrecisionChoice))}"
            )
        if precision == "fp16" and not self.accelerated:
            raise OptionError("precision fp16 is for GPUs; use bf16 or auto on the processor")

    def take(self, network: nn.Module) -> None:
        """Move a network here, its kernels in channels_last order where the device likes that.

        Raises:
            TrainingError: the device fails.
        """
        if not self.accelerated:
            return
        # torch 2.13 computes some backward passes wrongly in that order on Apple's GPUs.
        order = torch.contiguous_format if self.kind == "mps" else torch.channels_last
        try:
            network.to(self.name, memory_format=order)  # type: ignore[call-overload]
        except RuntimeError as error:
            raise self.failure(error) from None

    def failure(self, error: RuntimeError) -> TrainingError:
        """Return what to tell where the device cannot do what every device can."""
        words = str(error).partition("\n")[0]
        return TrainingError(
            f"{self.name} cannot take a step ({words}); update its driver and torch, or add"
            " --device cpu"
        )

    def give_back(self, network: nn.Module) -> None:
        """Move a network to the processor, where everything else computes."""
        if self.accelerated:
            network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def parts(self, world: World) -> int:
        """Return into how many parts a batch falls, each in a memory of its own."""
        return world.size if self.accelerated else 1

    def holds(self, pictures: int) -> bool:
        """Return whether so many bytes of pictures can stay in a GPU's memory."""
        if not self.accelerated:
            return False
        return pictures <= SHARE_FOR_PICTURES * self._free_bytes()

    def _free_bytes(self) -> float:
        if self.kind == "cuda":
            # What torch keeps of the races counts as free.
            torch.cuda.empty_cache()
            return float(torch.cuda.mem_get_info(self.name)[0])
        if self.kind == "mps":
            most = torch.mps.recommended_max_memory()
            return float(most - torch.mps.driver_allocated_memory())
        return float("inf")


CPU = Device()


def wait_for(device: torch.device) -> None:
    """Return once a GPU has done what it was told, so that a clock tells the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def find_device(choice: DeviceChoice = "auto", world: World = ALONE) -> Device:
    """Return the device that was asked for; ``auto`` takes a CUDA GPU where there is one.

    Args:
        choice: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        world: the processes that train together; each takes a GPU of its own.

    Raises:
        OptionError: there is no such device here, or none left for this process.

    Example:
        >>> find_device("cpu").name
        'cpu'
    """
    if choice not in get_args(DeviceChoice):
        raise OptionError(f"--device {choice}: use {', '.join(get_args(DeviceChoice))}")
    if choice in ("auto", "cuda") and torch.cuda.is_available():
        return _own_gpu(world)
    if choice == "mps" and torch.backends.mps.is_available():
        if world.size > 1:
            raise OptionError("--device mps: only one process can train there; use cpu")
        return Device("mps", accelerated=True)
    if choice in ("auto", "cpu"):
        return CPU
    raise OptionError(
        f"--device {choice}: torch {torch.__version__} finds none here; install a build of torch"
        " for it, or use --device cpu"
    )


def _own_gpu(world: World) -> Device:
    number = torch.cuda.device_count()
    if world.local_rank >= number:
        raise OptionError(
            f"process {world.local_rank} has no GPU of its own, there are {number}; start at most"
            f" {number} processes, or add --device cpu"
        )
    torch.cuda.set_device(world.local_rank)
    return Device(f"cuda:{world.local_rank}", accelerated=True)
