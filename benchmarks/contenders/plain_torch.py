"""PyTorch as its tutorials write it ("Quickstart", "Optimizing Model Parameters").

- contiguous (NCHW) tensors, fp32;
- a ``DataLoader`` over a ``TensorDataset`` with ``shuffle=True`` and its other defaults: no worker
  processes, one image after the other, then a batch of them;
- ``nn.CrossEntropyLoss`` on logits, ``torch.optim.Adam`` with its defaults;
- ``loss.item()`` every 100 batches, as the tutorials do to print it;
- no ``torch.compile``, no ``channels_last``, no fused optimizer.

The tutorials decode each image anew in every epoch (``ToTensor``). Here pixels are float32 in 0…1
before the timed part begins, which is faster. Training accuracy is counted where it costs no
measured time: while learning before rounds.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torch_net import TorchNet
from worker import LEARNING_RATE, Data, Facts, Gate, Job, Stopwatch, Task, serve


class PlainTorch(TorchNet):
    """The loop of the tutorials."""

    def __init__(self, job: Job, data: Data) -> None:
        super().__init__(job, data)
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE)

    def learn(self, task: Task, watch: Stopwatch) -> Facts:
        loader, right = self._loader(task.data), 0
        images = len(task.data.train_labels)
        watch.start()
        for _ in range(task.epochs):
            right = self._epoch(loader, lambda images: watch.step(), counting=watch.hooks)
            watch.epoch_ends(images)
        return {"train_accuracy": right / images} if watch.hooks else {}

    def train_on(self, data: Data, gate: Gate) -> None:
        loader = self._loader(data)
        self.network.train()
        gate.open()
        while True:
            self._epoch(loader, gate.step, counting=False)

    def _loader(self, data: Data) -> DataLoader[tuple[Tensor, ...]]:
        images, labels = self.scaled(data.train_images), torch.from_numpy(data.train_labels)
        return DataLoader(TensorDataset(images, labels), batch_size=self.job.batch, shuffle=True)

    def _epoch(
        self,
        dataloader: DataLoader[tuple[Tensor, ...]],
        after_step: Callable[[int], None],
        counting: bool,
    ) -> int:
        self.network.train()
        right = 0
        for batch, (images, labels) in enumerate(dataloader):
            logits = self.network(images)
            loss = self.loss_fn(logits, labels)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            if batch % 100 == 0:
                loss.item()
            if counting:
                right += int((logits.argmax(1) == labels).sum())
            after_step(len(labels))
        return right


if __name__ == "__main__":
    serve(PlainTorch, ("torch", "numpy"))
