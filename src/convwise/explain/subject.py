"""What is explained: a trained model, and a picture as the model sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convwise.data.arrays import resized
from convwise.data.decode import decode_image
from convwise.errors import DataError, DecodeError, OptionError, did_you_mean
from convwise.model.trained import TrainedModel


class Fitted(Protocol):
    """What :class:`convwise.Classifier` is after ``fit``."""

    model_: TrainedModel


Explained = TrainedModel | Fitted
"""What may be explained."""

Image = ArrayLike | Path | str | bytes
"""One picture: uint8 pixels of any size, an image file, or the bytes of one."""


def model_of(classifier: Explained) -> TrainedModel:
    """Return the trained model of a classifier, or the model itself.

    Raises:
        OptionError: it is neither a model nor a fitted classifier.
    """
    model = getattr(classifier, "model_", classifier)
    if not isinstance(model, TrainedModel):
        raise OptionError(
            f"{type(classifier).__name__} is no trained model; give a fitted Classifier,"
            " or what load_model returns"
        )
    return model


def picture_of(model: TrainedModel, image: Image) -> NDArray[np.uint8]:
    """Return one picture in the model's format.

    Args:
        model: its ImageFormat says how.
        image: uint8, (height, width) or (height, width, 1 or 3) of any size; a batch of one such
            picture; a path; or the bytes of an image file.

    Returns:
        uint8, (height, width, channels) of the format.

    Raises:
        DataError: it is no picture, or more than one.
    """
    if isinstance(image, str | Path | bytes):
        source = image if isinstance(image, bytes) else Path(image)
        try:
            return decode_image(source, model.image_format)
        except DecodeError as error:
            named = "the image" if isinstance(image, bytes) else str(image)
            raise DataError(f"{named}: {error.reason}") from None
    batch = resized(_one(np.asarray(image))[np.newaxis], model.image_format)
    picture: NDArray[np.uint8] = batch[0]
    return picture


def class_index(model: TrainedModel, target: int | str) -> int:
    """Return the place of a class among the logits, from its place or its name.

    Raises:
        OptionError: there is no such class.
    """
    if isinstance(target, str):
        if target not in model.classes:
            raise OptionError(
                f"the model knows no class {target!r}{did_you_mean(target, model.classes)}"
            )
        return model.classes.index(target)
    if not 0 <= target < len(model.classes):
        raise OptionError(
            f"class {target} is not between 0 and {len(model.classes) - 1}; or give its name"
        )
    return int(target)


def _one(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        raise DataError(f"the image is {pixels.dtype}; give uint8 levels from 0 to 255")
    if (pixels.ndim > 2 and pixels.shape[-1] not in (1, 3)) or pixels.ndim == 4:
        if pixels.shape[0] != 1:
            raise DataError(
                f"the image has the shape {pixels.shape}; give one picture at a time, (height,"
                " width) or (height, width, channels) with 1 or 3 channels"
            )
        pixels = pixels[0]
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3) or not pixels.size:
        raise DataError(
            f"an image of the shape {pixels.shape}; give (height, width), or (height, width,"
            " channels) with 1 or 3 channels"
        )
    made: NDArray[np.uint8] = pixels.astype(np.uint8, copy=False)
    return made
