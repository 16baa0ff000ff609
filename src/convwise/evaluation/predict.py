"""Probabilities from pixels: the one way in which convwise asks a network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.data.store import PixelStore
from convwise.model.allocator import keep_freed_memory
from convwise.model.trained import TrainedModel

Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Pixels of a model's format to probabilities; another runtime in the place of torch."""

BATCH_SIZE = 256
STORE_BLOCK = 8 * BATCH_SIZE


def predict_logits(
    model: TrainedModel,
    pixels: NDArray[np.uint8],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Ask the network, always in fp32.

    Args:
        model: the network and its ImageFormat.
        pixels: uint8 (images, height, width, channels) in the model's format.
        on_progress: called with the number of images done and the number of all.

    Returns:
        float32 (images, classes), before temperature and softmax.
    """
    keep_freed_memory()
    network = model.network
    was_training = network.training
    network.eval()
    logits = np.empty((len(pixels), len(model.classes)), np.float32)
    try:
        with torch.inference_mode():
            for start in range(0, len(pixels), BATCH_SIZE):
                batch = to_input(pixels[start : start + BATCH_SIZE], model.image_format)
                logits[start : start + BATCH_SIZE] = network(batch).numpy()
                if on_progress is not None:
                    on_progress(min(start + BATCH_SIZE, len(pixels)), len(pixels))
    finally:
        network.train(was_training)
    return logits


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """Return probabilities, computed in float64: float32 (images, classes), rows sum to 1."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(
        np.float32
    )
    return probabilities


def predict_probabilities(
    model: TrainedModel,
    pixels: NDArray[np.uint8],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Return float32 (images, classes) probabilities; arguments as for :func:`predict_logits`."""
    return softmax(predict_logits(model, pixels, on_progress=on_progress), model.temperature)


def predict_store(
    model: TrainedModel,
    store: PixelStore,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    answer: Answer | None = None,
) -> NDArray[np.float32]:
    """Return float32 (images, classes) probabilities; of the pixels, only a part is in memory."""
    answer = answer or partial(predict_probabilities, model)
    probabilities = np.empty((len(store), len(model.classes)), np.float32)
    for start in range(0, len(store), STORE_BLOCK):
        block = slice(start, start + STORE_BLOCK)
        probabilities[block] = answer(store.take(block))
        if on_progress is not None:
            on_progress(min(start + STORE_BLOCK, len(store)), len(store))
    return probabilities
