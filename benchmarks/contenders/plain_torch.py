"""PyTorch as its tutorials write it ("Quickstart", "Optimizing Model Parameters").

- an ``nn.Module`` with ``nn.Sequential`` inside, contiguous (NCHW) tensors, fp32;
- a ``DataLoader`` over a ``TensorDataset`` with ``shuffle=True`` and its other defaults: no worker
  processes, one image after the other, then a batch of them; the last, smaller batch is kept;
- ``nn.CrossEntropyLoss`` on logits, ``torch.optim.Adam`` with its defaults;
- ``loss.item()`` every 100 batches, as the tutorials do to print it;
- no ``torch.compile``, no ``channels_last``, no fused optimizer: that is what convwise is about.

The tutorials decode each image anew in every epoch (``ToTensor``). Here pixels are float32 in 0…1
before the timed part begins, which is faster.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from worker import LEARNING_RATE, Data, Job, Stopwatch, answer, require_parameters


class NeuralNetwork(nn.Module):
    """The same layers as keras-convnet; the loss takes logits, so there is no softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(1600, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.stack(x)
        return logits


def train_epoch(
    dataloader: DataLoader[tuple[Tensor, ...]],
    model: nn.Module,
    loss_fn: nn.Module,
    optimizer: torch.optim.Optimizer,
    after_step: Callable[[], None],
) -> None:
    model.train()
    for batch, (images, labels) in enumerate(dataloader):
        loss = loss_fn(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 100 == 0:
            loss.item()
        after_step()


def prepare(job: Job, data: Data) -> Callable[[Stopwatch], Callable[[], NDArray[np.int64]]]:
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    images = _tensor(data.train_images)
    dataset = TensorDataset(images, torch.from_numpy(data.train_labels))
    dataloader = DataLoader(dataset, batch_size=job.batch, shuffle=True)
    model = NeuralNetwork()
    require_parameters(sum(weight.numel() for weight in model.parameters()))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def training(watch: Stopwatch) -> Callable[[], NDArray[np.int64]]:
        watch.start()
        for _ in range(job.epochs):
            train_epoch(dataloader, model, loss_fn, optimizer, watch.step)
            watch.epoch_ends(len(images))
        return lambda: _predict(model, _tensor(data.test_images))

    return training


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """Return float32 (n, 1, 28, 28) in 0…1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 255


def _predict(model: nn.Module, images: Tensor) -> NDArray[np.int64]:
    model.eval()
    with torch.no_grad():
        classes = torch.cat([model(batch).argmax(1) for batch in images.split(256)])
    found: NDArray[np.int64] = classes.numpy()
    return found


if __name__ == "__main__":
    answer(
        prepare,
        ("torch", "numpy"),
        lambda: {"precision": "fp32", "threads": torch.get_num_threads()},
    )
