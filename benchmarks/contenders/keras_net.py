"""Keras 3, on TensorFlow or on torch: a printed program, trained by ``model.fit``.

``model.fit`` with its defaults: shuffle=True, jit_compile="auto", one step per execution; no
validation, no progress bar. Labels stay integers (Keras's own example turns them into vectors,
which costs more). Pixels are float32 in 0…1 before the timed part begins. With bf16 the loss is
computed in float32, as the Keras guide to mixed precision advises.

Prediction is ``predict_on_batch``, the quickest of Keras's ways for a batch that is in memory; it
takes uint8 pixels, as that of its rivals does, and scales them in the timed part.
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
BACKEND = sys.argv[sys.argv.index("--backend") + 1]
os.environ["KERAS_BACKEND"] = BACKEND

import keras  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from worker import (  # noqa: E402
    LEARNING_RATE,
    SETTLING_MOMENTUM,
    Classes,
    Data,
    Facts,
    Gate,
    Job,
    Pixels,
    Stopwatch,
    Task,
    load_program,
    serve,
)


class EpochTimer(keras.callbacks.Callback):
    """Tells the stopwatch about epochs; without a hook per step, which would slow Keras down."""

    def __init__(self, contender: KerasNet, task: Task, watch: Stopwatch) -> None:
        super().__init__()
        self.contender, self.task, self.watch = contender, task, watch
        self.accuracies: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.watch.epoch_ends(len(self.task.data.train_labels))
        if self.task.score_epochs:
            found = self.contender.predict(self.task.data.test_images)
            self.accuracies.append(float((found == self.task.data.test_labels).mean()))
            self.watch.epoch_begins()


class StepTimer(keras.callbacks.Callback):
    """Tells the stopwatch about steps."""

    def __init__(self, watch: Stopwatch) -> None:
        super().__init__()
        self.watch = watch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.watch.step()


class RoundTimer(keras.callbacks.Callback):
    """Tells the gate about rounds, which are epochs of so many steps to Keras."""

    def __init__(self, gate: Gate, images: int) -> None:
        super().__init__()
        self.gate, self.images = gate, images

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 0:
            self.gate.open()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.gate.step(self.images, steps=self.gate.steps)


class KerasNet:
    """The network of a printed program, under one precision policy."""

    def __init__(self, job: Job, data: Data) -> None:
        self.job, self.policy = job, "float32"
        if BACKEND == "tensorflow":
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(job.threads)
            tf.config.threading.set_inter_op_parallelism_threads(job.threads)
        else:
            import torch

            torch.set_num_threads(job.threads)
        keras.utils.set_random_seed(job.seed)
        if job.precision == "bf16":
            self.policy = "mixed_bfloat16"
        keras.mixed_precision.set_global_policy(self.policy)
        self.program = load_program(job.program)
        self.model = self._compiled(self.program.build())
        self.parameters: int = self.model.count_params()
        self._fp32: Any = None

    def learn(self, task: Task, watch: Stopwatch) -> Facts:
        timer = EpochTimer(self, task, watch)
        callbacks: list[Any] = [timer] + [StepTimer(watch)] * watch.hooks
        images = _scaled(task.data.train_images)
        watch.start()
        history = self._fit(images, task.data.train_labels, task.epochs, callbacks)
        facts: Facts = {"train_accuracy": float(history.history["accuracy"][-1])}
        return facts | ({"epoch_accuracy": timer.accuracies} if task.score_epochs else {})

    def settle(self, images: Pixels) -> None:
        norms = [
            layer
            for layer in self.model.layers
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        before = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = SETTLING_MOMENTUM
        for start in range(0, len(images) if norms else 0, self.job.batch):
            self.model(_scaled(images[start : start + self.job.batch]), training=True)
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum

    def train_on(self, data: Data, gate: Gate) -> None:
        images = _scaled(data.train_images)
        timer = RoundTimer(gate, gate.steps * self.job.batch)
        # Epochs of so many steps go on where the one before stopped.
        self._fit(images, data.train_labels, 1_000_000, [timer], steps_per_epoch=gate.steps)

    def predict(self, images: Pixels) -> Classes:
        return _classes(self.model, images)

    def predict_in_fp32(self, images: Pixels) -> Classes:
        if self._fp32 is None:
            keras.mixed_precision.set_global_policy("float32")
            self._fp32 = self._compiled(self.program.build())
            self._fp32.set_weights(self.model.get_weights())
            keras.mixed_precision.set_global_policy(self.policy)
        return _classes(self._fp32, images)

    def facts(self) -> Facts:
        return {
            "precision": self.policy,
            "jit_compile": bool(self.model.jit_compile),
            "threads": self.job.threads,
        }

    def _fit(
        self, images: NDArray[np.float32], labels: Classes, epochs: int, callbacks: Any, **more: Any
    ) -> Any:
        return self.model.fit(
            images,
            labels,
            batch_size=self.job.batch,
            epochs=epochs,
            callbacks=callbacks,
            verbose=0,
            **more,
        )

    def _compiled(self, model: Any) -> Any:
        # The printed program gives logits; of a last layer in bf16 the loss takes float32.
        logits = keras.layers.Activation("linear", dtype="float32")(model.output)
        model = keras.Model(model.input, logits)
        model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model


def _scaled(images: Pixels) -> NDArray[np.float32]:
    return images.astype("float32") / 255


def _classes(model: Any, images: Pixels, together: int = 256) -> Classes:
    parts = [
        np.asarray(model.predict_on_batch(_scaled(images[start : start + together])))
        for start in range(0, len(images), together)
    ]
    classes: Classes = np.concatenate(parts).argmax(axis=1)
    return classes


if __name__ == "__main__":
    engine = "tensorflow-cpu" if BACKEND == "tensorflow" else "torch"
    serve(KerasNet, (engine, "keras", "numpy"))
