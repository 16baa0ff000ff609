"""PyTorch as someone writes it who knows what is slow on a CPU.

- ``channels_last`` weights and images, ``torch.autocast`` to bf16;
- all images in one tensor, a batch is gathered with one indexing by a random permutation;
- ``Adam(fused=True)``, gradients set to None, no ``.item()`` in the loop.

Predictions are made by a copy whose weights are bf16 throughout, without autocast.

No ``torch.compile``: it needs a C++ compiler, and its minutes of compiling count in trainings that
last seconds. No kernels of its own, and no other memory allocator.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_net import TorchNet
from worker import LEARNING_RATE, Classes, Data, Facts, Gate, Job, Pixels, Stopwatch, Task, serve


class ExpertTorch(TorchNet):
    """The loop of an expert."""

    bf16 = True
    layout = torch.channels_last

    def __init__(self, job: Job, data: Data) -> None:
        super().__init__(job, data)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE, fused=True)
        self._half: nn.Module | None = None

    def predict(self, images: Pixels) -> Classes:
        if self._half is None:
            self._half = copy.deepcopy(self.network).to(torch.bfloat16)
        return self._classes(self._half, images, torch.bfloat16)

    def settle(self, images: Pixels) -> None:
        super().settle(images)
        self._half = None

    def learn(self, task: Task, watch: Stopwatch) -> Facts:
        images, labels = self._tensors(task.data)
        right, self._half = 0, None
        watch.start()
        for _ in range(task.epochs):
            right = self._epoch(images, labels, lambda images: watch.step(), counting=watch.hooks)
            watch.epoch_ends(len(labels))
        return {"train_accuracy": right / len(labels)} if watch.hooks else {}

    def train_on(self, data: Data, gate: Gate) -> None:
        images, labels = self._tensors(data)
        gate.open()
        while True:
            self._epoch(images, labels, gate.step, counting=False)

    def _tensors(self, data: Data) -> tuple[Tensor, Tensor]:
        return self.scaled(data.train_images), torch.from_numpy(data.train_labels)

    def _epoch(
        self,
        images: Tensor,
        labels: Tensor,
        after_step: Callable[[int], None],
        counting: bool,
    ) -> int:
        self.network.train()
        right = 0
        for chosen in torch.randperm(len(labels)).split(self.job.batch):
            batch = images[chosen].contiguous(memory_format=torch.channels_last)
            wanted = labels[chosen]
            self.optimizer.zero_grad(set_to_none=True)
            with self.computing():
                logits = self.network(batch)
            F.cross_entropy(logits.float(), wanted).backward()
            self.optimizer.step()
            if counting:
                right += int((logits.argmax(1) == wanted).sum())
            after_step(len(wanted))
        return right


if __name__ == "__main__":
    serve(ExpertTorch, ("torch", "numpy"))
