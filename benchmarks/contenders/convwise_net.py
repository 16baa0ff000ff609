"""convwise's zoo network ``keras-convnet``, trained by ``fit_model`` as everywhere in convwise.

Inside the timed part: building the network, the race between fp32 and bf16, drawing the order,
gathering and scaling uint8 pixels, the (empty) augmentation, training accuracy, the one-cycle
schedule. ``fit_model`` always validates after an epoch; here on one image, and untimed.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from worker import LEARNING_RATE, Data, Job, Stopwatch, answer, require_parameters

from convwise.data.store import PixelStore
from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.evaluation.predict import predict_logits
from convwise.image import ImageFormat
from convwise.training.fit import fit_model
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.train import use_threads

CLASSES = tuple("0123456789")
chosen: dict[str, Any] = {}


class Timer(Watcher):
    """Tells the stopwatch about steps and epochs, and leaves validation out."""

    def __init__(self, watch: Stopwatch, batch: int) -> None:
        self.watch, self.batch = watch, batch
        self.steps, self.last_step = 0, 0.0

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        self.watch.epoch_begins()

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        self.steps, self.last_step = step, time.perf_counter()
        self.watch.step()

    def epoch(self, record: EpochRecord) -> None:
        self.watch.epoch_ends(self.steps * self.batch, at=self.last_step)
        self.watch.epoch_begins()


def prepare(job: Job, data: Data) -> Callable[[Stopwatch], Callable[[], NDArray[np.int64]]]:
    use_threads(job.threads)
    train = _store(data.train_images, data.train_labels)
    mean, std = train.channel_statistics()
    image_format = dataclasses.replace(ImageFormat(28, 28, 1), mean=mean, std=std)
    network_plan = plan(resolve_network("keras-convnet"), image_format, len(CLASSES)).require()
    require_parameters(network_plan.total_params)
    recipe = Recipe(
        epochs=job.epochs,
        batch_size=job.batch,
        optimizer="adamw",
        learning_rate=LEARNING_RATE,
        weight_decay=0.0,
        label_smoothing=0.0,
        shift=0,
        flip=False,
        prune_easy=0.0,
    )

    def training(watch: Stopwatch) -> Callable[[], NDArray[np.int64]]:
        watch.start()
        fitted = fit_model(
            network_plan,
            train,
            _store(data.train_images[:1], data.train_labels[:1]),
            image_format=image_format,
            classes=CLASSES,
            name="keras-convnet",
            recipe=recipe,
            seed=job.seed,
            precision="auto",
            watcher=Timer(watch, min(job.batch, len(train))),
            on_start=lambda race, used: chosen.update(race.to_dict(), recipe=used.model_dump()),
        )
        return lambda: predict_logits(fitted.model, data.test_images).argmax(axis=1)

    return training


def _store(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> PixelStore:
    return PixelStore(pixels, labels, tuple(map(str, range(len(labels)))))


if __name__ == "__main__":
    answer(
        prepare,
        ("convwise", "torch", "numba", "numpy"),
        lambda: (
            {"precision": chosen["chosen"], "race": chosen["race"], "recipe": chosen["recipe"]}
            | {"threads": torch.get_num_threads()}
        ),
    )
