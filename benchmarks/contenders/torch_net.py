"""What both torch loops share: the network of a printed program, and its predictions."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from worker import SETTLING_MOMENTUM, Classes, Data, Facts, Job, Pixels, load_program

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class TorchNet:
    """The network of a printed program, in fp32 and contiguous memory unless told otherwise."""

    bf16 = False
    layout = torch.contiguous_format

    def __init__(self, job: Job, data: Data) -> None:
        torch.set_num_threads(job.threads)
        torch.manual_seed(job.seed)
        self.job = job
        self.network: nn.Module = load_program(job.program).Network()
        self.network.to(memory_format=self.layout)  # type: ignore[call-overload]
        counted = [*self.network.parameters(), *self.network.buffers()]
        # Normalisation also counts its batches, which is no weight.
        self.parameters = sum(each.numel() for each in counted if each.is_floating_point())

    def computing(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context of a forward pass."""
        if self.bf16:
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def scaled(self, pixels: Pixels) -> Tensor:
        """Return float32 (n, 1, 28, 28) in 0…1."""
        images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
        return images.contiguous(memory_format=self.layout)

    def settle(self, images: Pixels) -> None:
        norms = [each for each in self.network.modules() if isinstance(each, NORMS)]
        before = [norm.momentum for norm in norms]
        for norm in norms:
            # Torch's momentum is one minus Keras's.
            norm.momentum = 1.0 - SETTLING_MOMENTUM
        self.network.train()
        with torch.no_grad(), self.computing():
            for batch in self.scaled(images).split(self.job.batch):
                self.network(batch)
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum

    def predict(self, images: Pixels) -> Classes:
        return self._classes(self.network, images, torch.float32)

    def predict_in_fp32(self, images: Pixels) -> Classes:
        return self._classes(self.network, images, torch.float32)

    def _classes(self, network: nn.Module, images: Pixels, number: torch.dtype) -> Classes:
        network.eval()
        with torch.inference_mode():
            parts = self.scaled(images).to(number).split(256)
            found: Classes = torch.cat([network(part).argmax(1) for part in parts]).numpy()
        return found

    def facts(self) -> Facts:
        precision = "bf16 by autocast" if self.bf16 else "fp32"
        return {"precision": precision, "threads": torch.get_num_threads()}
