"""Array files: NPZ, NPY and IDX files that hold pictures and their labels."""

from __future__ import annotations

import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data.arrays import ArraySamples, read_idx
from convwise.data.listing import WHOLE, Listing, consecutive
from convwise.errors import DataError

_Array = NDArray[Any]
_Pair = tuple[_Array, _Array]

# Of each part the names of its pictures and of its labels: our own, Keras's, MedMNIST's.
_LAYOUTS: tuple[dict[str, tuple[str, str]], ...] = (
    {WHOLE: ("images", "labels")},
    {
        "train": ("x_train", "y_train"),
        "validation": ("x_val", "y_val"),
        "test": ("x_test", "y_test"),
    },
    {
        "train": ("train_images", "train_labels"),
        "validation": ("val_images", "val_labels"),
        "test": ("test_images", "test_labels"),
    },
)
_IDX_IMAGES = re.compile(r"(?P<stem>.*)images[-.]idx3-ubyte(\.gz)?", re.DOTALL)
_IDX_PARTS = {"train": ("train-",), "test": ("t10k-", "test-")}

# Photographs and drawings stay far below; a file of zeros reaches 1,000.
_BOMB_RATIO = 200
_BOMB_BYTES = 256 << 20

_DAMAGE = (
    *(OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(RuntimeError, NotImplementedError, OverflowError),  # encrypted; unknown compression; sizes
)


def list_arrays(path: Path) -> Listing:
    """Read labelled pictures from array files; nothing in them is ever unpickled.

    - ``.npz``: ``images`` and ``labels``; or ``x_train``, ``y_train`` with ``x_val``… and
      ``x_test``… as Keras stores them; or ``train_images``, ``train_labels`` with ``val_…`` and
      ``test_…`` as MedMNIST does. ``class_names`` may name the classes.
    - ``NAME.npy``, with ``NAME_labels.npy`` or ``labels.npy`` beside it; the pictures stay in the
      file until they are needed.
    - a folder of IDX files as MNIST has them (``train-…`` and perhaps ``t10k-…``), or one
      ``…images-idx3-ubyte`` file with its ``…labels-idx1-ubyte``; plain or gzip.

    Pictures are uint8, (n, height, width) or (n, height, width, 1 or 3). Labels are (n,) or
    (n, 1): text, whose sorted values are the classes, or whole numbers from 0.

    Raises:
        DataError: a file is missing, damaged, or holds something else.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "shapes.npz")
        ...     np.savez(file, images=np.zeros((2, 8, 8), np.uint8), labels=["round", "flat"])
        ...     listing = list_arrays(file)
        >>> listing.name, listing.classes
        ('shapes', ('flat', 'round'))
    """
    if path.is_dir():
        return _listing(path, path.resolve().name, _read_idx_folder(path))
    if not path.is_file():
        raise DataError(f"{path} is no file; give a .npz, .npy or IDX file")
    if path.suffix.lower() == ".npz":
        arrays = _read_npz(path)
        return _listing(path, path.stem, _pairs(path, arrays), arrays.get("class_names"))
    if path.suffix.lower() == ".npy":
        labels = _read_npy(_labels_beside(path))
        return _listing(path, path.stem, {WHOLE: (_read_npy(path), labels)})
    return _listing(path, path.name.split(".")[0], {WHOLE: _read_idx_pair(path)})


def is_idx_folder(path: Path) -> bool:
    """Return whether a folder holds ``train-images-idx3-ubyte``, plain or gzip."""
    return path.is_dir() and _idx_images(path, "train-") is not None


def is_array_file(path: Path) -> bool:
    """Return whether :func:`list_arrays` is for a file of this name."""
    named = _IDX_IMAGES.fullmatch(path.name) is not None
    return named or path.suffix.lower() in (".npz", ".npy")


def _listing(
    path: Path, name: str, pairs: Mapping[str, _Pair], class_names: _Array | None = None
) -> Listing:
    raw = {part: _column(f"{path}, {part}", labels) for part, (_, labels) in pairs.items()}
    classes, labels = _indexed(path, raw, class_names)
    parts = {
        part: ArraySamples.of(_rows_together(images), labels[part], part)
        for part, (images, _) in pairs.items()
    }
    # To join is to copy, and a mapped file would be read into memory for nothing.
    alone = next(iter(parts.values())) if len(parts) == 1 else None
    samples = alone if alone is not None else ArraySamples.joined(tuple(parts.values()))
    sizes = {part: len(found) for part, found in parts.items()}
    return Listing(name, classes, samples, consecutive(sizes))


def _rows_together(images: _Array) -> _Array:
    return images if images.flags.c_contiguous else np.ascontiguousarray(images)


def _column(place: str, labels: _Array) -> _Array:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            f"{place}: labels have shape {labels.shape}; give one a picture, (n,) or (n, 1); "
            "of rows with a single one in them, labels.argmax(axis=1)"
        )
    if labels.dtype.kind not in "biuUS":
        raise DataError(f"{place}: labels are {labels.dtype}; give whole numbers from 0, or text")
    return labels.astype(np.int64) if labels.dtype.kind == "b" else labels


def _indexed(
    path: Path, labels: Mapping[str, _Array], class_names: _Array | None
) -> tuple[tuple[str, ...], dict[str, _Array]]:
    """Return the classes, and the labels of each part as indices into them."""
    if any(found.dtype.kind in "US" for found in labels.values()):
        texts = {part: _texts(path, found) for part, found in labels.items()}
        classes = tuple(sorted({text for part in texts.values() for text in part}))
        index = {name: place for place, name in enumerate(classes)}
        numbers = {
            part: np.array([index[text] for text in found], np.int64)
            for part, found in texts.items()
        }
    else:
        numbers = dict(labels)
        classes = _numbered(path, numbers, class_names)
    if len(classes) < 2:
        raise DataError(f"{path} holds {len(classes)} class only; a classifier needs two")
    return classes, numbers


def _texts(path: Path, values: _Array) -> list[str]:
    if values.dtype.kind not in "US" or values.ndim != 1:
        raise DataError(f"{path}: {values.dtype} of shape {values.shape} is no list of names")
    try:
        return [v.decode() if isinstance(v, bytes) else v for v in values.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} holds a name that is no UTF-8: {error.object!r}") from error


def _numbered(
    path: Path, labels: Mapping[str, _Array], class_names: _Array | None
) -> tuple[str, ...]:
    found = [part for part in labels.values() if len(part)]
    highest = max((int(part.max()) for part in found), default=-1)
    if class_names is not None:
        names = tuple(_texts(path, class_names))
        if len(set(names)) != len(names) or highest >= len(names):
            raise DataError(
                f"{path}: {len(set(names))} different class_names do not fit labels up to "
                f"{highest}; give one name for each label from 0"
            )
        return names
    lowest = min((int(part.min()) for part in found), default=0)
    if lowest != 0:
        raise DataError(f"{path}: labels begin at {lowest}; they count from 0, so subtract it")
    # Checked before as many names are made.
    if highest >= max(2, sum(map(len, found))):
        raise DataError(
            f"{path}: label {highest} is higher than there are pictures; labels count from 0"
        )
    return tuple(str(number) for number in range(highest + 1))


def _pairs(path: Path, arrays: Mapping[str, _Array]) -> dict[str, _Pair]:
    for layout in _LAYOUTS:
        first = next(iter(layout.values()))[0]
        if first not in arrays:
            continue
        pairs = {}
        for part, (images, labels) in layout.items():
            if images in arrays and labels not in arrays:
                raise DataError(f"{path} has {images} without {labels}; add it")
            if images in arrays:
                pairs[part] = (arrays[images], arrays[labels])
        return pairs
    known = " or ".join("{}, {}".format(*next(iter(layout.values()))) for layout in _LAYOUTS)
    raise DataError(
        f"{path} holds {', '.join(map(repr, list(arrays)[:8])) or 'nothing'}; name them {known}"
    )


def _read_npz(path: Path) -> dict[str, _Array]:
    """Read those arrays of an NPZ file that any layout names."""
    wanted = {name for layout in _LAYOUTS for pair in layout.values() for name in pair}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {item.filename.removesuffix(".npy"): item for item in archive.infolist()}
            chosen = [name for name in members if name in wanted | {"class_names"}]
            if not chosen:
                return {name: np.empty(0) for name in members}
            return {name: _read_member(path, archive, members[name]) for name in chosen}
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{path} is no sound NPZ file: {error}") from error


def _read_member(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> _Array:
    """Read an array after a look at its size: a header may promise terabytes."""
    packed = min(item.compress_size, path.stat().st_size)
    if item.file_size > max(_BOMB_BYTES, _BOMB_RATIO * packed):
        raise DataError(
            f"{path}: {item.filename} would unpack from {packed:,} to {item.file_size:,} bytes, "
            "which no pictures do; it is not read"
        )
    with archive.open(item) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        shape, _, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(
            stream
        )
        held = item.file_size - stream.tell()
    if dtype.hasobject:
        raise DataError(
            f"{path}: {item.filename} holds Python objects, which may run code when they are "
            "read; save plain numbers or text"
        )
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != held:
        raise DataError(
            f"{path}: {item.filename} states {dtype} of shape {shape} but holds {held} bytes; "
            "it is damaged"
        )
    with archive.open(item) as stream:
        values: _Array = np.lib.format.read_array(stream, allow_pickle=False)
    return values


def _read_npy(path: Path) -> _Array:
    """Map an NPY file: what is not looked at is not read."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except _DAMAGE as error:
        raise DataError(f"{path} is no sound NPY file of numbers or text: {error}") from error


def _labels_beside(path: Path) -> Path:
    beside = (path.with_name(f"{path.stem}_labels.npy"), path.with_name("labels.npy"))
    for labels in beside:
        if labels.is_file() and labels != path:
            return labels
    raise DataError(f"{path} has no labels: put {beside[0].name} or labels.npy beside it")


def _read_idx_folder(path: Path) -> dict[str, _Pair]:
    found = {}
    for part, prefixes in _IDX_PARTS.items():
        images = [file for prefix in prefixes if (file := _idx_images(path, prefix))]
        if images:
            found[part] = _read_idx_pair(images[0])
    if "train" not in found:
        raise DataError(f"{path} holds no train-images-idx3-ubyte; give a folder that has one")
    return found


def _idx_images(folder: Path, stem: str) -> Path | None:
    return _first_file(folder, stem, "images", 3)


def _first_file(folder: Path, stem: str, what: str, dimensions: int) -> Path | None:
    names = [f"{stem}{what}{dot}idx{dimensions}-ubyte{gz}" for gz in ("", ".gz") for dot in "-."]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_idx_pair(path: Path) -> _Pair:
    match = _IDX_IMAGES.fullmatch(path.name)
    if match is None:
        raise DataError(
            f"{path} is none of .npz, .npy and …images-idx3-ubyte; give one of these, or a folder"
        )
    labels = _first_file(path.parent, match["stem"], "labels", 1)
    if labels is None:
        raise DataError(f"{path} has no {match['stem']}labels-idx1-ubyte beside it")
    return read_idx(path, dimensions=3), read_idx(labels, dimensions=1)
