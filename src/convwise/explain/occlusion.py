"""Occlusion: what happens to a class when a part of the picture is covered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convwise.errors import OptionError
from convwise.evaluation.predict import Predictor, softmax
from convwise.explain.attribution import Attribution
from convwise.explain.subject import Explained, Image, class_index, model_of, picture_of

# As many windows along the longer side, half overlapping, as one can still see apart.
_WINDOWS = 7


@dataclass(frozen=True, eq=False)
class Occlusion(Attribution):
    """An :class:`Attribution` by covering windows of the picture.

    Args:
        falls: float32, (rows, columns): by how much the logit falls where each window is covered.
        window: (rows, columns) of pixels that are covered at once.
        probability: of the class, with nothing covered.
        lowest: of the class, with the window covered that costs it most.
    """

    falls: NDArray[np.float32]
    window: tuple[int, int]
    probability: float
    lowest: float

    @property
    def caption(self) -> str:
        """Class, method, and what the worst window costs."""
        return (
            f"{super().caption}: covering {self.window[0]}×{self.window[1]} pixels takes it from"
            f" {100 * self.probability:.1f} % to {100 * self.lowest:.1f} %"
        )


def occlusion(
    classifier: Explained,
    image: Image,
    target: int | str | None = None,
    *,
    window: int | None = None,
    step: int | None = None,
) -> Occlusion:
    """Return how much a class's logit falls where the picture is covered.

    A square of the mean colour slides over the picture; a pixel's value is the mean of what the
    squares over it cost. It needs nothing of the network but its answers, so it takes any.

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks (2014),
    section 4.2.

    Args:
        classifier: a fitted Classifier or a trained model.
        image: uint8, (height, width) or (height, width, channels) of any size; a path; or bytes.
        target: place or name of a class; None stands for the predicted one.
        window: side of the square in pixels; None takes a seventh of the longer side.
        step: pixels from one square to the next; None takes half a square.

    Raises:
        OptionError: there is no such class, or no such window.
        DataError: the image cannot be used.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> from convwise.model.trained import TrainedModel
        >>> network = build(plan("flatten | dense classes", "8x8x1", 2))
        >>> model = TrainedModel(network, ImageFormat(8, 8, 1), ("cat", "dog"))
        >>> occlusion(model, np.zeros((8, 8), np.uint8), window=4, step=4).falls.shape
        (2, 2)
    """
    model = model_of(classifier)
    picture = picture_of(model, image)
    height, width, _ = picture.shape
    side = window or -(-max(height, width) // _WINDOWS)
    stride = step or max(side // 2, 1)
    if side < 1 or not 1 <= stride <= side:
        raise OptionError(f"a window of {side} pixels every {stride}: some would not be covered")
    size = (min(side, height), min(side, width))
    tops, lefts = _starts(height, size[0], stride), _starts(width, size[1], stride)
    predictor = Predictor(model)
    whole = predictor.logits(picture[np.newaxis])
    chosen = int(whole[0].argmax()) if target is None else class_index(model, target)
    covered = _logits(predictor, picture, size, [(top, left) for top in tops for left in lefts])
    falls = (whole[0, chosen] - covered[:, chosen]).reshape(len(tops), len(lefts))
    worst = covered[int(falls.argmax())][np.newaxis]
    return Occlusion(
        values=_mean_over_windows(falls, tops, lefts, size, (height, width)),
        target=chosen,
        label=model.classes[chosen],
        method="occlusion",
        picture=picture,
        falls=falls.astype(np.float32),
        window=size,
        probability=float(softmax(whole, model.temperature)[0, chosen]),
        lowest=float(softmax(worst, model.temperature)[0, chosen]),
    )


def _starts(side: int, window: int, stride: int) -> list[int]:
    """Return where windows begin along an axis; the last one ends at its end."""
    starts = list(range(0, side - window + 1, stride))
    return starts if starts[-1] == side - window else [*starts, side - window]


def _logits(
    predictor: Predictor,
    picture: NDArray[np.uint8],
    size: tuple[int, int],
    corners: list[tuple[int, int]],
) -> NDArray[np.float32]:
    """Return the logits of the picture with each window covered, (windows, classes)."""
    colour = predictor.model.image_format.mean_colour
    found = []
    for start in range(0, len(corners), predictor.batch_size):
        batch = corners[start : start + predictor.batch_size]
        pictures = np.repeat(picture[np.newaxis], len(batch), axis=0)
        for covered, (top, left) in zip(pictures, batch, strict=True):
            covered[top : top + size[0], left : left + size[1]] = colour
        found.append(predictor.logits(pictures))
    return np.concatenate(found)


def _mean_over_windows(
    falls: NDArray[np.float32],
    tops: list[int],
    lefts: list[int],
    size: tuple[int, int],
    image: tuple[int, int],
) -> NDArray[np.float32]:
    total, times = np.zeros(image), np.zeros(image)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            area = (slice(top, top + size[0]), slice(left, left + size[1]))
            total[area] += falls[row, column]
            times[area] += 1
    mean: NDArray[np.float32] = (total / times).astype(np.float32)
    return mean
