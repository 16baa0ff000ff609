"""Keras 3 on TensorFlow: the network and the call of the Keras example "Simple MNIST convnet".

``model.fit`` with its defaults: shuffle=True, jit_compile="auto", one step per execution; no
validation, no progress bar. Labels stay integers (the example turns them into vectors, which costs
more). Pixels are float32 in 0…1 before the timed part begins. With bf16 the softmax stays in
float32, as the Keras guide to mixed precision advises.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from worker import LEARNING_RATE, Data, Job, Stopwatch, answer, require_parameters

facts: dict[str, Any] = {}


class EpochTimer(keras.callbacks.Callback):
    """Tells the stopwatch about epochs; without a hook per step, which would slow Keras down."""

    def __init__(self, watch: Stopwatch, images: int) -> None:
        super().__init__()
        self.watch, self.images = watch, images

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.watch.epoch_ends(self.images)


class StepTimer(keras.callbacks.Callback):
    """Tells the stopwatch about steps, for the probe."""

    def __init__(self, watch: Stopwatch) -> None:
        super().__init__()
        self.watch = watch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.watch.step()


def prepare(job: Job, data: Data) -> Callable[[Stopwatch], Callable[[], NDArray[np.int64]]]:
    tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    tf.config.threading.set_inter_op_parallelism_threads(job.threads)
    keras.utils.set_random_seed(job.seed)
    if job.precision == "bf16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    images = data.train_images.astype("float32") / 255
    test_images = data.test_images.astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax", dtype="float32"),
        ]
    )
    require_parameters(model.count_params())
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    facts.update(
        precision=keras.mixed_precision.global_policy().name, jit_compile=bool(model.jit_compile)
    )

    def training(watch: Stopwatch) -> Callable[[], NDArray[np.int64]]:
        timer = EpochTimer(watch, len(images)) if job.probe_steps is None else StepTimer(watch)
        watch.start()
        model.fit(
            images,
            data.train_labels,
            batch_size=job.batch,
            epochs=job.epochs,
            callbacks=[timer],
            verbose=0,
        )
        return lambda: model.predict(test_images, batch_size=256, verbose=0).argmax(axis=1)

    return training


if __name__ == "__main__":
    answer(
        prepare,
        ("tensorflow-cpu", "keras", "numpy"),
        lambda: facts | {"threads": tf.config.threading.get_intra_op_parallelism_threads()},
    )
