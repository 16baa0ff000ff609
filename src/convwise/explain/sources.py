"""What an explanation looks at: image files, and the split of a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.data.folder import PICTURE_SUFFIXES
from convwise.data.pixel_cache import PixelCache
from convwise.data.store import PixelStore
from convwise.errors import OptionError
from convwise.evaluation.evaluate import SplitName, chosen_split, read_as_for_training, relabelled
from convwise.evaluation.files import image_files
from convwise.model.trained import TrainedModel


@dataclass(frozen=True, eq=False)
class LoadedSplit:
    """A split of a data set in a model's format.

    Args:
        source: the data set.
        split: which of its images.
        store: these, labels in the order of the model's classes.
        train: the training images, likewise.
        skipped: how many files could not be read.
    """

    source: str
    split: str
    store: PixelStore
    train: PixelStore
    skipped: int = 0


def load_split(
    model: TrainedModel,
    data: str | Path,
    split: SplitName = "test",
    *,
    cache: bool = True,
    **data_options: Any,
) -> LoadedSplit:
    """Read a data set in a model's format, split as for its training.

    Args:
        model: its format, classes and split count.
        data: a named data set, a folder of class folders, or any other source.
        split: which images to look at.
        cache: take decoded pixels from the user's cache, and keep them there.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read, or has a class that the model does not know.
    """
    dataset = read_as_for_training(model, data, data_options, split)
    dataset = dataclasses.replace(dataset, format=model.image_format)
    decoded = dataset.decode(cache=PixelCache.of_user() if cache else None)
    store, train = (
        relabelled(each, dataset.classes, model.classes)
        for each in (chosen_split(decoded, split), decoded.stores["train"])
    )
    return LoadedSplit(str(data), split, store, train, len(decoded.skipped))


def images_and_data(sources: Sequence[str]) -> tuple[list[Path], str | None]:
    """Part what a user named into image files and a data set.

    A file with the suffix of a picture is an image; a folder of pictures without folders of
    pictures in it stands for its images; all else is a data set.

    Args:
        sources: paths, or the name of a data set.

    Returns:
        The image files, and the data set or None.

    Raises:
        OptionError: there is more than one data set.
    """
    images: list[Path] = []
    data: list[str] = []
    for source in sources:
        path = Path(source).expanduser()
        if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES:
            images.append(path)
        elif path.is_dir() and _is_flat(path):
            images.extend(image_files([path]))
        else:
            data.append(source)
    if len(data) > 1:
        raise OptionError(f"{data[0]} and {data[1]} are both data sets; give one, and any images")
    return images, data[0] if data else None


def _is_flat(folder: Path) -> bool:
    """Return whether pictures lie in a folder, and no folder lies beside them."""
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    pictures = any(entry.suffix.lower() in PICTURE_SUFFIXES for entry in entries)
    return pictures and not any(entry.is_dir() for entry in entries)
