"""Writing decoded pictures as class folders that load_data reads back to the same bytes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from convwise.data.dataset import Decoded
from convwise.errors import OptionError, StorageError

_LONGEST_NAME = 80


def write_class_folders(decoded: Decoded, folder: Path) -> None:
    """Write ``SPLIT/INDEX_CLASS/NUMBER.png`` for every picture.

    Indices and numbers have leading zeros where needed, so that sorting by name keeps the
    canonical order.

    Args:
        decoded: the pictures; grey or colour.
        folder: a new or empty folder; parents are made.

    Raises:
        OptionError: the folder holds something already.
        StorageError: a file cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OptionError(f"{folder} is not an empty folder; name one that does not exist yet")
    names = _folder_names(decoded.dataset.classes)
    try:
        for split, store in decoded.stores.items():
            for label in sorted(set(store.labels.tolist())):
                (folder / split / names[label]).mkdir(parents=True)
            digits = max(5, len(str(len(store) - 1)))
            for number, label in enumerate(store.labels.tolist()):
                pixels = store.take(np.array([number]))[0]
                picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
                picture.save(folder / split / names[label] / f"{number:0{digits}d}.png", "PNG")
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written completely: {error}") from error


def _folder_names(classes: tuple[str, ...]) -> list[str]:
    digits = len(str(len(classes) - 1))
    safe = (re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_NAME] for name in classes)
    return [f"{index:0{digits}d}_{name}" for index, name in enumerate(safe)]
