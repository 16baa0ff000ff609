"""Feature maps: what a layer makes of one picture, channel by channel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.explain.network import as_designed, kept_outputs, row_named, rows_with_maps
from convwise.explain.subject import Explained, Image, model_of, picture_of


def layers_with_maps(classifier: Explained) -> list[str]:
    """Return the names of the layers that leave maps, in order of execution.

    Args:
        classifier: a fitted Classifier or a trained model.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> from convwise.model.trained import TrainedModel
        >>> network = build(plan("conv 4 3 relu | maxpool 2 | flatten | dense classes", "8x8x1", 2))
        >>> model = TrainedModel(network, ImageFormat(8, 8, 1), ("cat", "dog"))
        >>> layers_with_maps(model)
        ['conv1', 'pool1']
    """
    return [row.name for row in rows_with_maps(model_of(classifier).network.plan)]


def feature_maps(classifier: Explained, image: Image, layer: str) -> NDArray[np.float32]:
    """Return what leaves a layer for one picture, activation included.

    Args:
        classifier: a fitted Classifier or a trained model.
        image: uint8, (height, width) or (height, width, channels) of any size; a path; or bytes.
        layer: a name of :func:`layers_with_maps`.

    Returns:
        float32, (channels, height, width) of the layer's map.

    Raises:
        OptionError: the network has no such layer, or it leaves no map.
        DataError: the image cannot be used.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> from convwise.model.trained import TrainedModel
        >>> network = build(plan("conv 4 3 relu | maxpool 2 | flatten | dense classes", "8x8x1", 2))
        >>> model = TrainedModel(network, ImageFormat(8, 8, 1), ("cat", "dog"))
        >>> feature_maps(model, np.zeros((8, 8), np.uint8), "pool1").shape
        (4, 3, 3)
    """
    model = model_of(classifier)
    name = row_named(model.network.plan, layer).name
    inputs = to_input(picture_of(model, image)[np.newaxis], model.image_format)
    network = as_designed(model.network)
    with torch.inference_mode(), kept_outputs(network, [name]) as found:
        network(inputs)
    maps: NDArray[np.float32] = np.ascontiguousarray(found[name][0].float().numpy())
    return maps
