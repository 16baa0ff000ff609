"""What a network says of one canvas, and what one sees inside it meanwhile."""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.errors import DesignError
from convwise.explain.class_map import grad_cam
from convwise.explain.feature_maps import feature_maps, layers_with_maps
from convwise.lab.models import Loaded
from convwise.lab.objects import Picture, in_channels

BEST = 5
SHOWN_MAPS = 16
# Operations that the map of all places may take, and places that it has at most.
MOST_FLOPS, MOST_PLACES, FEWEST_PLACES = 2e10, 441, 9

Pixels = NDArray[np.uint8]


def look(loaded: Loaded, canvas: Pixels, layer: str | None, *, class_map: bool) -> dict[str, Any]:
    """Return answers, feature maps and class map for one canvas, as plain JSON values.

    Args:
        loaded: whom to ask.
        canvas: uint8 (height, width, channels) of the model's size.
        layer: whose maps are wanted; None for none.
        class_map: whether Grad-CAM is wanted.

    Raises:
        OptionError: there is no such layer.
    """
    start = time.perf_counter()
    batch = in_channels(canvas[np.newaxis], loaded.model.image_format.channels)
    probabilities = loaded.predictor.probabilities(batch)[0]
    best = np.argsort(-probabilities, kind="stable")[:BEST]
    found: dict[str, Any] = {
        "best": [
            {"label": loaded.model.classes[place], "probability": float(probabilities[place])}
            for place in best.tolist()
        ]
    }
    if layer is not None:
        found["maps"] = _packed_maps(feature_maps(loaded.model, batch[0], layer), layer)
    if class_map:
        found["class_map"] = _class_map(loaded, batch[0], int(best[0]))
    return found | {"milliseconds": 1_000 * (time.perf_counter() - start)}


def _class_map(loaded: Loaded, pixels: Pixels, target: int) -> dict[str, Any]:
    try:
        found = grad_cam(loaded.model, pixels, target=target)
    except DesignError as error:
        return {"problem": str(error)}
    height, width = found.values.shape
    levels = np.rint(255 * found.values).astype(np.uint8)
    return {"layer": found.layer, "height": height, "width": width, "levels": _text(levels)}


def _packed_maps(maps: NDArray[np.float32], layer: str) -> dict[str, Any]:
    """Return the first maps, on one scale from 0 to the layer's largest value."""
    shown = maps[:SHOWN_MAPS]
    largest = float(np.abs(maps).max())
    levels = np.rint(255 * np.clip(np.abs(shown) / (largest or 1.0), 0, 1)).astype(np.uint8)
    count, height, width = shown.shape
    return {
        "layer": layer,
        "count": count,
        "of": len(maps),
        "height": height,
        "width": width,
        "largest": largest,
        "levels": _text(levels),
    }


def _text(levels: Pixels) -> str:
    return base64.b64encode(np.ascontiguousarray(levels).tobytes()).decode("ascii")


def layers_of(loaded: Loaded) -> list[str]:
    """Return the layers whose maps can be looked at."""
    return layers_with_maps(loaded.model)


def everywhere(nets: list[Loaded], picture: Picture, wanted: str | None) -> dict[str, Any]:
    """Return what networks of one size say of an object at each place of their canvas.

    Args:
        nets: whom to ask.
        picture: the object.
        wanted: name of its class; None takes what the first network says in the middle.

    Returns:
        ``tops`` and ``lefts`` of the object, the class's name, and for each network the
        probabilities of that class, a list of rows, and of whether it is the answer.
    """
    height, width = nets[0].model.image_format.shape[:2]
    flops = sum(net.model.network.plan.total_flops for net in nets)
    most = int(np.clip(MOST_FLOPS / max(flops, 1), FEWEST_PLACES, MOST_PLACES))
    tops, lefts = picture.places(height, width, most)
    canvases = np.stack(
        [picture.on_canvas(height, width, top, left) for top in tops for left in lefts]
    )
    answers = [
        net.predictor.probabilities(in_channels(canvases, net.model.image_format.channels))
        for net in nets
    ]
    if wanted is None:
        middle = len(tops) // 2 * len(lefts) + len(lefts) // 2
        wanted = nets[0].model.classes[int(answers[0][middle].argmax())]
    shape = (len(tops), len(lefts))
    found = []
    for net, probabilities in zip(nets, answers, strict=True):
        known = wanted in net.model.classes
        place = net.model.classes.index(wanted) if known else 0
        own = probabilities[:, place] if known else np.zeros(len(probabilities), np.float32)
        right = (probabilities.argmax(axis=1) == place) & known
        found.append(
            {
                "probability": [
                    [round(value, 4) for value in row] for row in own.reshape(shape).tolist()
                ],
                "right": right.reshape(shape).tolist(),
                "share": float(right.mean()),
            }
        )
    return {"tops": tops, "lefts": lefts, "label": wanted, "nets": found}
