"""Probabilities from pixels: the one way in which convwise asks a network."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import require_format
from convwise.data.cores import cache_bytes
from convwise.data.store import PixelStore
from convwise.design.memory import activation_memory
from convwise.design.plan import Plan
from convwise.errors import OptionError
from convwise.model.allocator import keep_freed_memory
from convwise.model.device import device_of
from convwise.model.prediction import PredictionNetwork, for_prediction
from convwise.model.trained import TrainedModel

Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Pixels of a model's format to probabilities; another runtime in the place of torch."""

PredictionPrecision = Literal["fp32", "bf16"]
OnProgress = Callable[[int, int], None]

# Below this, what a batch costs beside its arithmetic tells; above, nothing more is gained
# (docs/decisions/0009).
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
MOST_BYTES = 512 << 20
# Where the system does not tell the size of its cache.
USUAL_CACHE = 32 << 20
STORE_IMAGES = 2048
# Memory for a batch is kept for the next call up to this size.
MOST_KEPT_BYTES = 8 << 20

# Of the largest logit, on the pictures below.
BF16_TOLERANCE = 0.1
PICTURES_TO_CHECK = 8


def batch_size_for(plan: Plan, cache: int | None = None) -> int:
    """Return how many images to ask a network about at once.

    As many as leave the activations of a batch in the processor's last cache, from 16 to 256; of
    large images fewer, so that a batch takes at most half a gigabyte.

    Args:
        plan: of the network.
        cache: bytes; None asks the system.

    Example:
        >>> from convwise.design.plan import plan
        >>> [batch_size_for(plan("vgg-small", (side, side, 3), 10), 32 << 20)
        ...  for side in (16, 28, 64, 2048)]
        [256, 167, 32, 1]
    """
    image = activation_memory(plan).prediction
    wanted = (cache or cache_bytes() or USUAL_CACHE) // image
    wanted = min(max(wanted, SMALLEST_BATCH), LARGEST_BATCH)
    return max(1, min(wanted, MOST_BYTES // image))


class _Room(NamedTuple):
    """Memory for pictures: where they are written to, and what the network reads."""

    inside: NDArray[np.float32]
    levels: torch.Tensor


class Predictor:
    """A trained model made ready to be asked, as often as one likes and from any thread.

    It has the weights that the model had when it was made, and computes where these were.

    Args:
        model: the network and its ImageFormat; they stay as they are.
        precision: ``fp32``, or ``bf16``, which is quicker on some processors and rounds coarsely.

    Raises:
        OptionError: the precision is unknown, or the network is not computed rightly in it here.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> network = build(plan("flatten | dense classes", "4x4x1", 2))
        >>> predictor = Predictor(TrainedModel(network, ImageFormat(4, 4, 1), ("cat", "dog")))
        >>> predictor.probabilities(np.zeros((3, 4, 4, 1), np.uint8)).shape
        (3, 2)
    """

    def __init__(self, model: TrainedModel, precision: PredictionPrecision = "fp32") -> None:
        if precision not in get_args(PredictionPrecision):
            names = ", ".join(get_args(PredictionPrecision))
            raise OptionError(f"precision {precision!r}: use {names}")
        keep_freed_memory()
        self.model, self.precision = model, precision
        self._rooms: list[_Room] = []
        self.batch_size = batch_size_for(model.network.plan)
        self._device = device_of(model.network)
        network = model.network
        if self._device.type != "cpu":
            # Weights are folded in float64, which not every GPU has.
            network = copy.deepcopy(network).cpu()
        self._network = for_prediction(network, model.image_format).to(self._device)
        if precision == "bf16":
            exact, self._network = self._network, self._network.in_bf16()
            self._require_agreement(exact)

    def logits(
        self, pixels: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Ask the network.

        Args:
            pixels: uint8 (images, height, width, channels) in the model's format.
            on_progress: called with the number of images done and the number of all.

        Returns:
            float32 (images, classes), before temperature and softmax.

        Raises:
            DataError: the pixels are of another format.
        """
        require_format(pixels, self.model.image_format)
        return self._asked(self._network, pixels, on_progress)

    def probabilities(
        self, pixels: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Return float32 (images, classes) probabilities; arguments as for :meth:`logits`."""
        require_format(pixels, self.model.image_format)
        temperature = self.model.temperature
        return self._asked(self._network, pixels, on_progress, temperature=temperature)

    def of_store(
        self, store: PixelStore, *, on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Return float32 (images, classes) probabilities; only a part of the pixels is in memory.

        Args:
            store: pixels in the model's format.
            on_progress: as for :meth:`logits`.
        """
        step = max(1, STORE_IMAGES // self.batch_size) * self.batch_size
        return of_store(self.probabilities, len(self.model.classes), store, step, on_progress)

    def _asked(
        self,
        network: PredictionNetwork,
        pixels: NDArray[np.uint8],
        on_progress: OnProgress | None = None,
        *,
        temperature: float | None = None,
    ) -> NDArray[np.float32]:
        """Return logits; with a temperature, probabilities."""
        answers = np.empty((len(pixels), len(self.model.classes)), np.float32)
        room = self._take_room(network, min(self.batch_size, len(pixels)))
        with torch.inference_mode():
            for start in range(0, len(pixels), self.batch_size):
                batch = pixels[start : start + self.batch_size]
                room.inside[: len(batch)] = batch
                asked = room.levels[: len(batch)].to(self._device)
                found = network(asked).cpu()
                if temperature is not None:
                    found = _softmax(found, temperature)
                answers[start : start + len(batch)] = found.numpy()
                if on_progress is not None:
                    on_progress(start + len(batch), len(pixels))
        if room.inside.nbytes <= MOST_KEPT_BYTES:
            self._rooms.append(room)
        return answers

    def _take_room(self, network: PredictionNetwork, pictures: int) -> _Room:
        """Return memory for so many pictures that nobody else uses meanwhile."""
        # Taking from a list and adding to it are atomic, so any thread may ask.
        try:
            room = self._rooms.pop()
        except IndexError:
            room = None
        if room is None or len(room.inside) < pictures:
            border_and_inside = network.room_for(pictures, self.model.image_format)
            levels = torch.from_numpy(border_and_inside).permute(0, 3, 1, 2)
            room = _Room(network.inside(border_and_inside), levels)
        return room

    def _require_agreement(self, exact: PredictionNetwork) -> None:
        """Some builds of torch compute some convolutions wrongly in bf16."""
        shape = (PICTURES_TO_CHECK, *self.model.image_format.shape)
        pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        theirs = self._asked(exact, pictures)
        error = np.abs(self._asked(self._network, pictures) - theirs).max()
        if not error <= BF16_TOLERANCE * np.abs(theirs).max():
            raise OptionError(
                f"precision 'bf16': {self.model.name} is not computed rightly in it here, its"
                f" logits are off by {error:.2g}; use fp32"
            )


def predict_logits(
    model: TrainedModel,
    pixels: NDArray[np.uint8],
    *,
    precision: PredictionPrecision = "fp32",
    on_progress: OnProgress | None = None,
) -> NDArray[np.float32]:
    """Ask a network once, see :meth:`Predictor.logits`."""
    return Predictor(model, precision).logits(pixels, on_progress=on_progress)


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """Return probabilities, computed in float64: float32 (images, classes), rows sum to 1."""
    probabilities: NDArray[np.float32] = _softmax(torch.from_numpy(logits), temperature).numpy()
    return probabilities


def _softmax(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    return torch.softmax(logits.double() / temperature, dim=1).float()


def predict_probabilities(
    model: TrainedModel,
    pixels: NDArray[np.uint8],
    *,
    precision: PredictionPrecision = "fp32",
    on_progress: OnProgress | None = None,
) -> NDArray[np.float32]:
    """Ask a network once, see :meth:`Predictor.probabilities`."""
    return Predictor(model, precision).probabilities(pixels, on_progress=on_progress)


def predict_store(
    model: TrainedModel,
    store: PixelStore,
    *,
    precision: PredictionPrecision = "fp32",
    on_progress: OnProgress | None = None,
    answer: Answer | None = None,
) -> NDArray[np.float32]:
    """Ask a network once, or what answers in its place; see :func:`of_store`."""
    if answer is None:
        return Predictor(model, precision).of_store(store, on_progress=on_progress)
    return of_store(answer, len(model.classes), store, STORE_IMAGES, on_progress)


def of_store(
    answer: Answer,
    classes: int,
    store: PixelStore,
    step: int,
    on_progress: OnProgress | None = None,
) -> NDArray[np.float32]:
    """Return float32 (images, classes) probabilities; only a part of the pixels is in memory.

    Args:
        answer: gives them for pixels.
        classes: how many there are.
        store: pixels in the model's format.
        step: images taken out of the store at once.
        on_progress: called with the number of images done and the number of all.
    """
    probabilities = np.empty((len(store), classes), np.float32)
    for start in range(0, len(store), step):
        block = slice(start, start + step)
        probabilities[block] = answer(store.take(block))
        if on_progress is not None:
            on_progress(min(start + step, len(store)), len(store))
    return probabilities
