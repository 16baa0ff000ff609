"""Where the network looked, as a picture that fits into JSON."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.errors import ConvwiseError
from convwise.model.trained import TrainedModel

# A map takes a pass forward and one backward through the network as it was trained, of one picture
# at a time; so one that is asked for counts as so many images.
COSTS_AS_MANY = 8
MOST_IN_REQUEST = 8


def class_map(model: TrainedModel, pixels: NDArray[np.uint8], target: int) -> dict[str, Any]:
    """Return the Grad-CAM map of a class in plain JSON values.

    Args:
        model: whose network is asked.
        pixels: uint8 (height, width, channels) in the model's format.
        target: place of the class.

    Returns:
        ``label``, ``layer``, ``height``, ``width`` and ``png``: a grey picture of the model's size
        in base64, 255 where most speaks for the class; or ``error``, where no layer has a map.
    """
    # torch's autograd is only needed by whoever asks for a map.
    from convwise.explain.class_map import grad_cam

    try:
        found = grad_cam(model, pixels, target=target)
    except ConvwiseError as error:
        return {"error": str(error)}
    height, width = found.values.shape
    return {
        "label": model.classes[found.target],
        "layer": found.layer,
        "height": height,
        "width": width,
        "png": _png(found.values),
    }


def _png(values: NDArray[np.float32]) -> str:
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * values.clip(0, 1)).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
