"""What the first maps of a trained network keep of an image."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.model.trained import TrainedModel
from convwise.studies.question import Picture
from convwise.studies.task import Pixels

SHOWN = 12


def first_maps(model: TrainedModel, pixels: Pixels, row: str) -> NDArray[np.float32]:
    """Return what leaves a row of the plan, float32 (images, channels, height, width).

    Args:
        model: a trained network.
        pixels: uint8 (images, height, width, channels).
        row: its name, ``pool1`` for example.
    """
    kept: list[torch.Tensor] = []
    module = model.network.get_submodule(row)
    hook = module.register_forward_hook(lambda module, inputs, output: kept.append(output))
    try:
        with torch.inference_mode():
            model.network.eval()
            model.network(to_input(pixels, model.image_format))
    finally:
        hook.remove()
    maps: NDArray[np.float32] = kept[0].float().numpy()
    return maps


def sharpness(maps: NDArray[np.float32]) -> float:
    """Return the mean difference of neighbouring values, divided by their mean size.

    Args:
        maps: float32 (images, channels, height, width).

    Example:
        >>> sharpness(np.array([[[[0.0, 1.0], [0.0, 1.0]]]], np.float32))
        1.0
    """
    size = float(np.abs(maps).mean())
    across, down = np.abs(np.diff(maps, axis=3)), np.abs(np.diff(maps, axis=2))
    count = across.size + down.size
    return float(across.sum() + down.sum()) / count / size if size and count else 0.0


def map_pictures(maps: NDArray[np.float32], pixels: Pixels) -> tuple[Picture, ...]:
    """Return the first image and its first maps, black for 0 and white for the largest value.

    Args:
        maps: float32 (1, channels, height, width).
        pixels: uint8 (1, height, width, channels), the image.
    """
    image = pixels[0].mean(axis=2).astype(np.uint8)
    return (
        Picture("the image", image),
        *(Picture(f"{number + 1}", _grey(each)) for number, each in enumerate(maps[0, :SHOWN])),
    )


def _grey(values: NDArray[np.float32]) -> Pixels:
    positive = np.maximum(values, 0.0)
    return np.asarray(positive * (255.0 / max(float(positive.max()), 1e-9)), np.uint8)
