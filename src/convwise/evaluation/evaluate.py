"""Score a model on a data set that it may never have seen: same format, classes matched by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convwise.data import Dataset, load_data
from convwise.data.dataset import Decoded
from convwise.data.load import may_be_nested
from convwise.data.pixel_cache import PixelCache
from convwise.data.store import PixelStore
from convwise.data.table_records import has_column
from convwise.errors import DataError
from convwise.evaluation.predict import Answer, PredictionPrecision
from convwise.evaluation.split import SHIFT_IMAGES, Evaluation, evaluate_split
from convwise.model.trained import TrainedModel

SplitName = Literal["test", "validation", "train", "all"]


@dataclasses.dataclass(frozen=True)
class DatasetEvaluation(Evaluation):
    """An evaluation, and the files of the data set that could not be read."""

    skipped: tuple[dict[str, str], ...] = ()


def evaluate(
    model: TrainedModel,
    data: str | Path,
    *,
    split: SplitName = "test",
    shift_images: int = SHIFT_IMAGES,
    cache: bool = True,
    answer: Answer | None = None,
    precision: PredictionPrecision = "fp32",
    **data_options: Any,
) -> DatasetEvaluation:
    """Read a data set in the model's format and score the model on one of its splits.

    Args:
        model: the model to score.
        data: a named data set or a folder of class folders.
        split: which images; ``all`` for every one of them. A data set without a test split of its
            own is split as it was for the training (seed, fold, groups, shares), so that ``test``
            holds no image that the model has learnt from.
        shift_images: see ``split.evaluate_split``.
        cache: take decoded pixels from the user's cache, and keep them there.
        answer: asked for probabilities in the model's place.
        precision: that the network computes in.
        **data_options: passed to ``load_data``.

    Raises:
        OptionError: the network is not computed rightly in this precision here.
        DataError: the data cannot be read, or has a class that the model does not know.
    """
    dataset = read_as_for_training(model, data, data_options, split)
    dataset = dataclasses.replace(dataset, format=model.image_format)
    decoded = dataset.decode(cache=PixelCache.of_user() if cache else None)
    store = relabelled(chosen_split(decoded, split), dataset.classes, model.classes)
    evaluation = evaluate_split(
        model, store, shift_images=shift_images, precision=precision, answer=answer
    )
    skipped = tuple({"path": each.path, "reason": each.reason} for each in decoded.skipped)
    return DatasetEvaluation(
        **{field.name: getattr(evaluation, field.name) for field in dataclasses.fields(evaluation)},
        skipped=skipped,
    )


def read_as_for_training(
    model: TrainedModel, data: str | Path, asked: Mapping[str, Any], split: SplitName
) -> Dataset:
    """Read with the options of the training, as far as this data set can have them."""
    options = {"seed": model.seed} | dict(model.data_options) | dict(asked)
    if "group" not in asked and not has_column(Path(data), str(options.get("group", ""))):
        options.pop("group", None)
    if "nested" not in asked and not may_be_nested(data):
        options.pop("nested", None)
    fold = None if "fold" in asked else options.pop("fold", None)
    dataset = load_data(data, **options)
    # Where all splits are the data set's own, or all are wanted, there is nothing to divide.
    if fold is not None and dataset.carved and split != "all":
        dataset = load_data(data, fold=fold, **options)
    return dataset


def chosen_split(decoded: Decoded, split: SplitName) -> PixelStore:
    """Return the images of a split, or all of them.

    Raises:
        DataError: none of the split can be read.
    """
    if split != "all":
        store = decoded.stores[split]
        if not len(store):
            raise DataError(
                f"{decoded.dataset.source}: no picture of the {split} split can be read"
            )
        return store
    return PixelStore.joined(list(decoded.stores.values()))


def relabelled(store: PixelStore, theirs: tuple[str, ...], ours: tuple[str, ...]) -> PixelStore:
    """Return a store whose labels are places in our classes instead of theirs.

    Raises:
        DataError: we do not know one of their classes.
    """
    unknown = [name for name in theirs if name not in ours]
    if unknown:
        raise DataError(
            f"the data has the class {unknown[0]!r}, which the model does not know;"
            f" it knows {', '.join(ours[:12])}{' …' if len(ours) > 12 else ''}"
        )
    index = np.array([ours.index(name) for name in theirs], np.int64)
    return dataclasses.replace(store, labels=index[store.labels])
