"""convwise itself: a network of its zoo, trained by ``fit_model`` as everywhere in convwise.

Inside the timed part of ``learn``: building the network, the races, drawing the order, gathering
and scaling uint8 pixels, the (empty) augmentation, training accuracy, the one-cycle schedule.
``fit_model`` always validates after an epoch; here on one image, and in ``learn`` untimed. Rounds
are taken out of one long training, so the races are over before the first of them.

Predictions are those of ``Classifier.predict_proba``, of a model file that was saved and loaded.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from worker import LEARNING_RATE, Classes, Data, Facts, Gate, Job, Pixels, Stopwatch, Task, serve

from convwise import Classifier
from convwise.data.batches import to_input
from convwise.data.store import PixelStore
from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.training.fit import Fitted, fit_model
from convwise.training.progress import EpochRecord, Watcher
from convwise.training.recipe import Recipe
from convwise.training.train import use_threads

CLASSES = tuple("0123456789")


class Timer(Watcher):
    """Tells the stopwatch about steps and epochs, and leaves validation out."""

    def __init__(self, watch: Stopwatch, batch_size: int) -> None:
        self.watch, self.batch_size = watch, batch_size
        self.steps, self.last_step = 0, 0.0

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        self.watch.epoch_begins()

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        self.steps, self.last_step = step, time.perf_counter()
        self.watch.step()

    def epoch(self, record: EpochRecord) -> None:
        self.watch.epoch_ends(self.steps * self.batch_size, at=self.last_step)
        self.watch.epoch_begins()


class Rounds(Watcher):
    """Lets the gate stop the training between two steps."""

    def __init__(self, gate: Gate, batch_size: int) -> None:
        self.gate, self.batch_size = gate, batch_size

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        self.gate.open()

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        self.gate.step(self.batch_size)


class ConvwiseNet:
    """A network of the zoo."""

    def __init__(self, job: Job, data: Data) -> None:
        use_threads(job.threads)
        self.job = job
        mean, std = _store(data.train_images, data.train_labels).channel_statistics()
        self.image_format = dataclasses.replace(ImageFormat(28, 28, 1), mean=mean, std=std)
        network = resolve_network(job.net)
        self.plan = plan(network, self.image_format, len(CLASSES)).require()
        self.parameters = self.plan.total_params
        self.chosen: dict[str, Any] = {}
        self.fitted: Fitted | None = None
        self._classifier: Classifier | None = None
        self._plain: torch.nn.Module | None = None

    def learn(self, task: Task, watch: Stopwatch) -> Facts:
        train = _store(task.data.train_images, task.data.train_labels)
        timer = Timer(watch, min(self.job.batch, len(train)))
        watch.start()
        self.fitted = self._fit(train, task.epochs, timer)
        return {"train_accuracy": self.fitted.history[-1].train_accuracy}

    def settle(self, images: Pixels) -> None:
        """Do nothing: convwise's statistics follow the weights from the first step."""

    def train_on(self, data: Data, gate: Gate) -> None:
        self._fit(
            _store(data.train_images, data.train_labels), 50_000, Rounds(gate, self.job.batch)
        )

    def predict(self, images: Pixels) -> Classes:
        if self._classifier is None:
            assert self.fitted is not None, "learn comes before predict"
            with tempfile.TemporaryDirectory(prefix="convwise-benchmark-") as folder:
                path = Path(folder) / "model.safetensors"
                path.write_bytes(model_bytes(self.fitted.model))
                self._classifier = Classifier.load(path)
        probabilities = self._classifier.predict_proba(images, precision=self.job.precision)
        found: Classes = probabilities.argmax(axis=1)
        return found

    def predict_in_fp32(self, images: Pixels) -> Classes:
        if self._plain is None:
            assert self.fitted is not None, "learn comes before predict"
            self._plain = build(self.plan, fuse=False).eval()
            self._plain.load_state_dict(self.fitted.model.network.state_dict())
        with torch.inference_mode():
            parts = to_input(images, self.image_format).split(256)
            found: Classes = torch.cat([self._plain(part).argmax(1) for part in parts]).numpy()
        return found

    def facts(self) -> Facts:
        found = {"precision": self.chosen.get("chosen"), "threads": torch.get_num_threads()}
        return found | {name: self.chosen[name] for name in ("race", "recipe") if self.chosen}

    def _fit(self, train: PixelStore, epochs: int, watcher: Watcher) -> Fitted:
        return fit_model(
            self.plan,
            train,
            train.select(np.arange(1)),
            image_format=self.image_format,
            classes=CLASSES,
            name=self.job.net,
            recipe=_recipe(epochs, self.job.batch),
            seed=self.job.seed,
            precision="auto",
            watcher=watcher,
            calibrate=False,
            on_start=lambda decided: self.chosen.update(
                decided.race.to_dict(), recipe=decided.recipe.model_dump()
            ),
        )


def _recipe(epochs: int, batch: int) -> Recipe:
    """Return the same work as the peers': Adam, no augmentation, every image in every epoch."""
    return Recipe(
        epochs=epochs,
        batch_size=batch,
        optimizer="adamw",
        learning_rate=LEARNING_RATE,
        weight_decay=0.0,
        label_smoothing=0.0,
        shift=0,
        flip=False,
        prune_easy=0.0,
    )


def _store(pixels: Pixels, labels: Classes) -> PixelStore:
    return PixelStore(pixels, labels, tuple(map(str, range(len(labels)))))


if __name__ == "__main__":
    serve(ConvwiseNet, ("convwise", "torch", "numba", "numpy"))
