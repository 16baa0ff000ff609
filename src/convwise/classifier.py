"""Classifier: convwise with scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from convwise.data.arrays import resized
from convwise.data.split import stratified_split
from convwise.data.store import PixelStore
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.errors import DataError
from convwise.evaluation.predict import PredictionPrecision, Predictor
from convwise.evaluation.split import SHIFT_IMAGES, evaluate_split
from convwise.image import ImageFormat
from convwise.model.modelfile import load_model, model_bytes
from convwise.model.pretrained.start import Start, requested_start
from convwise.model.trained import TrainedModel
from convwise.model.weights import versions_of
from convwise.training.callbacks import Callback, with_callbacks
from convwise.training.computing import PrecisionChoice
from convwise.training.device import DeviceChoice, find_device
from convwise.training.fit import fit_model
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe
from convwise.training.storage import write_atomically

if TYPE_CHECKING:
    from convwise.explain.explanation import Explanation
    from convwise.ship.export import Export, Target

VALIDATION_SHARE = 0.1
# Each image that is explained takes some hundred answers of the network.
EXPLAINED = 6


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A convolutional classifier of images.

    Args:
        network: a name from the zoo, a notation text, or a Network; None stands for ``fast``, or
            for that of ``start_from``.
        recipe: how to train; None stands for the default recipe.
        seed: of weights, order, augmentation and the validation split.
        precision: ``auto``, ``fp32``, ``bf16``, or ``fp16`` on a GPU.
        watcher: told about progress.
        start_from: a trained network to begin with, as :func:`convwise.train` takes it. Images are
            then brought to its image format, in ``fit`` as in ``predict``.
        weights: a safetensors file with torchvision's names, where ``start_from`` is such a name.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; it is trained there, and predicts on the
            processor.

    Attributes:
        classes_: the labels, sorted, after ``fit``.
        model_: the trained model, after ``fit``.
        history_: a record for each epoch, after ``fit``.

    Example:
        >>> images = np.zeros((40, 8, 8), np.uint8); images[20:, 2:6] = 255
        >>> labels = np.repeat(["dark", "bright"], 20)
        >>> classifier = Classifier("dense", Recipe(epochs=5, batch_size=8)).fit(images, labels)
        >>> classifier.predict(images[[0, 39]]).tolist()
        ['dark', 'bright']
    """

    def __init__(
        self,
        network: str | Network | None = None,
        recipe: Recipe | None = None,
        seed: int = 0,
        precision: PrecisionChoice = "auto",
        watcher: Watcher | None = None,
        start_from: str | Path | None = None,
        weights: str | Path | None = None,
        device: DeviceChoice = "auto",
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.seed = seed
        self.precision = precision
        self.watcher = watcher
        self.start_from = start_from
        self.weights = weights
        self.device = device

    def fit(
        self, images: ArrayLike, labels: ArrayLike, *, callbacks: Sequence[Callback] = ()
    ) -> Self:
        """Train on images; a tenth of them is held out to watch the training.

        Args:
            images: uint8 (n, height, width) or (n, height, width, 1 or 3).
            labels: n labels of any type that sorts.
            callbacks: told about progress through Keras's hooks; may end the training.

        Raises:
            DataError: the arrays do not belong together, or there are fewer than two classes.
            DesignError: the network does not fit the images.
            ModelFileError: the weights of ``start_from`` cannot be read, or do not fit.
            OptionError: something in ``callbacks`` is no Callback.
        """
        start = requested_start(self.start_from, self.weights)
        network = start.redesign(self.network) if start else resolve_network(self.network or "fast")
        pixels = _pixels(images)
        if start is not None:
            pixels = resized(pixels, start.image_format)
        classes, codes = np.unique(np.asarray(labels), return_inverse=True)
        if len(codes) != len(pixels):
            raise DataError(f"{len(pixels)} images come with {len(codes)} labels")
        if len(classes) < 2:
            raise DataError("there is only one class; a classifier needs at least two")
        store = PixelStore(pixels, codes.astype(np.int64), tuple(map(str, range(len(pixels)))))
        kept, held = stratified_split(store.labels, VALIDATION_SHARE, self.seed)
        train, validation = store.select(kept), store.select(held if len(held) else kept)
        image_format = start.image_format if start else _measured_format(train)
        fitted = fit_model(
            plan(network, image_format, len(classes)).require(),
            train,
            validation,
            image_format=image_format,
            classes=tuple(map(str, classes)),
            name=_name(self.network, start),
            recipe=self.recipe or Recipe(),
            seed=self.seed,
            precision=self.precision,
            device=find_device(self.device),
            start=start,
            watcher=with_callbacks(self.watcher, callbacks),
            # A temperature that is fitted to images that were learnt from is no good.
            calibrate=bool(len(held)),
        )
        self.classes_ = classes
        self.model_ = fitted.model
        self.history_ = fitted.history
        return self

    def predict_proba(
        self, images: ArrayLike, *, precision: PredictionPrecision = "fp32"
    ) -> NDArray[np.float32]:
        """Return float32 (n, classes) probabilities, columns in the order of ``classes_``.

        Args:
            images: as for ``fit``.
            precision: ``bf16`` is quicker on some processors, and rounds coarsely.

        Raises:
            DataError: the images have another size than those of ``fit``.
            NotFittedError: ``fit`` was not called.
            OptionError: the network is not computed rightly in this precision here.
        """
        return self._ready(precision).probabilities(self._pixels_to_ask(images))

    def predict(
        self, images: ArrayLike, *, precision: PredictionPrecision = "fp32"
    ) -> NDArray[Any]:
        """Return the most probable label of each image; arguments as for ``predict_proba``."""
        best = self.predict_proba(images, precision=precision).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def evaluate(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        shift_images: int = SHIFT_IMAGES,
        precision: PredictionPrecision = "fp32",
    ) -> dict[str, Any]:
        """Return every figure of an evaluation, see ``evaluation.metrics.score``.

        Raises:
            DataError: a label was not seen in ``fit``.
        """
        model = self._fitted()
        wanted = np.asarray(labels)
        codes = np.searchsorted(self.classes_, wanted).clip(max=len(self.classes_) - 1)
        strange = wanted[self.classes_[codes] != wanted]
        if len(strange):
            raise DataError(f"label {strange[0]!r} was not seen in fit")
        pixels = self._pixels_to_ask(images)
        ids = tuple(map(str, range(len(pixels))))
        store = PixelStore(pixels, codes.astype(np.int64), ids)
        evaluation = evaluate_split(model, store, shift_images=shift_images, precision=precision)
        return evaluation.figures

    def save(self, path: str | Path) -> Path:
        """Write the model file; labels become texts in it.

        Raises:
            StorageError: the file could not be written.
        """
        path = Path(path)
        write_atomically(path, model_bytes(self._fitted()))
        return path

    def export(self, to: Target, path: str | Path, **options: Any) -> Export:
        """Write the model in another format, and prove that it gives the same answers.

        Args:
            to: ``onnx``, ``openvino``, ``int8``, ``torch`` or ``keras``.
            path: the file to write.
            **options: see :func:`convwise.export`.

        Raises:
            ExportError: the file does not give the model's answers; it was removed.
        """
        from convwise.ship.export import export

        return export(self._fitted(), to, path, **options)

    def explain(
        self,
        images: ArrayLike,
        labels: ArrayLike | None = None,
        *,
        target: int | str | None = None,
        layer: str | None = None,
        most: int = EXPLAINED,
    ) -> Explanation:
        """Return what the network has learnt and what it looks at; a notebook shows it.

        Args:
            images: as for ``fit``.
            labels: of the images; with them, mistakes are explained first.
            target: place or name of the class to explain; None stands for each prediction.
            layer: whose maps make the class maps; None stands for the last one.
            most: images that are explained.

        Raises:
            DataError: the images have another size than those of ``fit``.
            NotFittedError: ``fit`` was not called.
            OptionError: there is no such class or layer.
        """
        from convwise.explain.explanation import explain

        model, pixels = self._fitted(), self._pixels_to_ask(images)
        names = [f"image {number}" for number in range(len(pixels))]
        order = np.arange(len(pixels))
        if labels is not None:
            wrong = self.predict(images) != np.asarray(labels)
            order = np.argsort(~wrong, kind="stable")
        chosen = [(names[place], pixels[place]) for place in order[:most].tolist()]
        return explain(model, chosen, target=target, layer=layer)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return a fitted classifier from a model file or a run folder.

        Raises:
            ModelFileError: the file is missing, damaged or of another kind.
        """
        model = load_model(path)
        classifier = cls(network=model.network.plan.network, seed=model.seed)
        classifier.classes_ = np.array(model.classes)
        classifier.model_ = model
        return classifier

    def _pixels_to_ask(self, images: ArrayLike) -> NDArray[np.uint8]:
        model, pixels = self._fitted(), _pixels(images)
        return pixels if self.start_from is None else resized(pixels, model.image_format)

    def _fitted(self) -> TrainedModel:
        if not hasattr(self, "model_"):
            raise NotFittedError("this Classifier is not fitted yet; call fit or Classifier.load")
        model: TrainedModel = self.model_
        return model

    def _ready(self, precision: PredictionPrecision) -> Predictor:
        """Return the model made ready to be asked; made again when its weights have changed."""
        model = self._fitted()
        wanted = (id(model), versions_of(model.network), precision)
        if getattr(self, "_ready_for", None) != wanted:
            self._predictor, self._ready_for = Predictor(model, precision), wanted
        return self._predictor


def _measured_format(train: PixelStore) -> ImageFormat:
    mean, std = train.channel_statistics()
    return ImageFormat(*train.shape, mean=mean, std=std)


def _name(network: str | Network | None, start: Start | None) -> str:
    if start is not None:
        return start.name
    return "custom" if isinstance(network, Network) else network or "fast"


def _pixels(images: ArrayLike) -> NDArray[np.uint8]:
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8:
        raise DataError(f"images are {pixels.dtype}; give uint8 grey levels from 0 to 255")
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 4 or pixels.shape[-1] not in (1, 3) or not pixels.size:
        raise DataError(
            f"images have the shape {np.shape(images)}; give (n, height, width), or"
            " (n, height, width, channels) with 1 or 3 channels"
        )
    return np.ascontiguousarray(pixels)
