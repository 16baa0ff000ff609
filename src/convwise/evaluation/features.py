"""Features: what a network has made of an image before its head names a class."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convwise.data.batches import to_input
from convwise.data.dataset import SPLITS
from convwise.data.pixel_cache import PixelCache
from convwise.data.store import PixelStore
from convwise.errors import MissingExtraError, OptionError
from convwise.evaluation.evaluate import read_as_for_training
from convwise.model.head import FeatureReader
from convwise.model.modelfile import load_model
from convwise.model.pretrained import efficientnet_lite0
from convwise.model.trained import TrainedModel

BATCH_SIZE = 32
SUFFIXES = (".npz", ".parquet")


@dataclass(frozen=True)
class LabelledFeatures:
    """Features of a data set's images, row by row.

    Args:
        features: float32, (images, values).
        labels: class names.
        paths: the source's own name of each image.
        splits: ``train``, ``validation`` or ``test``, as the data set was split for the training.
        skipped: files that could not be read, with their reasons.
    """

    features: NDArray[np.float32]
    labels: tuple[str, ...]
    paths: tuple[str, ...]
    splits: tuple[str, ...]
    skipped: tuple[dict[str, str], ...] = ()


def features(
    model: TrainedModel | str | Path, images: NDArray[np.uint8] | PixelStore
) -> NDArray[np.float32]:
    """Return the input of a model's head, its last dense layer, for each image.

    Args:
        model: a trained model; or a model file, a run folder, or ``efficientnet-lite0``.
        images: uint8, (n, height, width, channels) in the model's image format.

    Returns:
        float32, (n, values).

    Raises:
        DataError: the images have another shape than the model's format.
        DesignError: the network has no head.
        ModelFileError: the file cannot be read.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.image import ImageFormat
        >>> from convwise.model.build import build
        >>> network = build(plan("conv 4 3 relu | global_avgpool | dense classes", "8x8x1", 2))
        >>> model = TrainedModel(network, ImageFormat(8, 8, 1), ("cat", "dog"))
        >>> features(model, np.zeros((3, 8, 8, 1), np.uint8)).shape
        (3, 4)
    """
    model = model if isinstance(model, TrainedModel) else named_model(model)
    read = FeatureReader(model.network)
    was_training = model.network.training
    model.network.eval()
    parts = []
    try:
        with torch.inference_mode():
            for start in range(0, len(images), BATCH_SIZE):
                block = slice(start, start + BATCH_SIZE)
                pixels = images.take(block) if isinstance(images, PixelStore) else images[block]
                parts.append(read(to_input(pixels, model.image_format)).numpy())
    finally:
        model.network.train(was_training)
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


def named_model(name: str | Path) -> TrainedModel:
    """Return the model of a model file, a run folder, or of ``efficientnet-lite0``.

    Raises:
        MissingExtraError: the package of the weights is not installed.
        ModelFileError: the file cannot be read.
    """
    if str(name) == efficientnet_lite0.NAME:
        return efficientnet_lite0.released_model()
    return load_model(name)


def dataset_features(
    model: TrainedModel, data: str | Path, *, cache: bool = True, **data_options: Any
) -> LabelledFeatures:
    """Return the features of all images of a data set.

    Args:
        model: the model to ask.
        data: a named data set, a folder of class folders, or any other source.
        cache: take decoded pixels from the user's cache, and keep them there.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read.
    """
    dataset = read_as_for_training(model, data, data_options, "all")
    dataset = dataclasses.replace(dataset, format=model.image_format)
    decoded = dataset.decode(cache=PixelCache.of_user() if cache else None)
    stores = [decoded.stores[split] for split in SPLITS]
    everything = PixelStore.joined(stores)
    return LabelledFeatures(
        features(model, everything),
        tuple(dataset.classes[label] for label in everything.labels.tolist()),
        everything.ids,
        tuple(split for split, store in zip(SPLITS, stores, strict=True) for _ in store.ids),
        tuple({"path": each.path, "reason": each.reason} for each in decoded.skipped),
    )


def require_writable(out: Path) -> None:
    """Check, before any work is done, that features can be written to such a file.

    Raises:
        OptionError: the suffix is neither .npz nor .parquet, or the folder does not exist.
        MissingExtraError: it is .parquet, and pyarrow is not installed.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise OptionError(f"--out {out}: write {' or '.join(f'NAME{each}' for each in SUFFIXES)}")
    if not out.parent.is_dir():
        raise OptionError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    if out.suffix.lower() == ".parquet":
        _pyarrow()


def file_bytes(found: LabelledFeatures, suffix: str) -> bytes:
    """Return the content of a file of features.

    Args:
        found: the features.
        suffix: ``.npz``: arrays ``features``, ``label``, ``path`` and ``split``, none of them
            pickled; or ``.parquet``: the same as columns, ``features`` a list of fixed length.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    columns = {"path": found.paths, "label": found.labels, "split": found.splits}
    if suffix.lower() == ".parquet":
        return _parquet(found.features, columns)
    stream = io.BytesIO()
    texts = {name: np.array(values, np.str_) for name, values in columns.items()}
    np.savez(stream, allow_pickle=False, features=found.features, **texts)
    return stream.getvalue()


def _parquet(values: NDArray[np.float32], columns: Mapping[str, tuple[str, ...]]) -> bytes:
    pyarrow, parquet = _pyarrow()
    flat = pyarrow.array(np.ascontiguousarray(values).reshape(-1))
    lists = pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
    # A file name that is no UTF-8 holds what Parquet's texts cannot.
    texts = {name: [_utf8(text) for text in column] for name, column in columns.items()}
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table({**texts, "features": lists}), sink)
    return bytes(sink.getvalue().to_pybytes())


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        # The extra "hub" brings it, with the library datasets.
        raise MissingExtraError("pyarrow", "hub") from None
    return pyarrow, pyarrow.parquet
