"""load_data: from a name or a folder to a Dataset with three splits."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data.archive import is_archive, list_archive
from convwise.data.array_files import is_array_file, is_idx_folder, list_arrays
from convwise.data.catalogue import CATALOGUE, names, read_named
from convwise.data.dataset import Dataset, Header, Samples
from convwise.data.folder import LAYOUT, list_folder
from convwise.data.hub import is_hub_folder, list_hub
from convwise.data.listing import Listing
from convwise.data.table import list_table
from convwise.data.table_records import TABLE_SUFFIXES
from convwise.data.three_splits import Fold, three_splits
from convwise.errors import DataError, OptionError, did_you_mean
from convwise.image import ImageFormat, Resize

HUB_PREFIX = "hub:"

_HEADERS_LOOKED_AT = 200
_LARGEST_NATIVE_SIDE = 64
_SMALLEST_SIDE = 16


def load_data(
    source: str | Path,
    *,
    data_dir: Path | None = None,
    download: bool = False,
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    group: str | None = None,
    fold: str | None = None,
    nested: bool = False,
    image_size: int | None = None,
    channels: int | None = None,
    resize: Resize = "pad",
) -> Dataset:
    """Find labelled pictures and their splits; nothing is decoded yet.

    A name of the catalogue wins over a folder of that name; write ``./NAME`` for the folder.
    Splits that the source has are used as they are. A missing test split is carved from the
    training pictures first, a missing validation split from what is left, both stratified. At
    most 5,000 pictures are carved for validation: they give an accuracy to within 1.4 points
    (95 %), and more would only be missing in training.

    The image format of a folder, where not given, follows from the headers of its training
    pictures (of 200 evenly chosen ones, if there are more). If all have one size with no side
    above 64, it is that size. Otherwise it is square: the median of the shorter sides, between 16
    and 128, rounded down to a multiple of 16. It is grey if all of them are grey, else colour.

    Args:
        source: a name such as ``"fashion-mini"``; a folder with a folder per class; a table (.csv,
            .tsv, .parquet) with columns path and label, and split if it has splits; arrays (.npz,
            .npy, IDX); an archive of class folders (.zip, .tar, .tar.gz), read where it is; or
            ``hub:`` and the name of a ``datasets`` data set or its folder.
        data_dir: where to look first for the files of a named data set.
        download: fetch a named data set that is nowhere on this machine.
        validation: share of the training pictures to hold out, between 0 and 1.
        test: share of all pictures to hold out, between 0 and 1.
        seed: decides which pictures are held out.
        group: column of a table; pictures of one group stay on one side of every split made here.
        fold: for example ``"2/5"``: the test split is the second of five parts, for a
            cross-validation; the validation split is, where the source has a test split.
        nested: each folder that holds pictures is a class of its own, named by its whole path
            (``cat/persian``); otherwise a class is a folder with all that lies in it.
        image_size: side of a square, in pixels.
        channels: 1 (grey) or 3 (colour).
        resize: what happens to pictures of other sizes; see :class:`ImageFormat`.

    Raises:
        DataError: no such data set, or one that cannot be learnt from.
        OptionError: an option is out of range.

    Example:
        >>> load_data("fashion-mini").format.shape
        (28, 28, 1)
    """
    for option, fraction in (("validation", validation), ("test", test)):
        if not 0 < fraction < 1:
            raise OptionError(f"{option} share {fraction} is not between 0 and 1")
    chosen = None if fold is None else Fold.parse(fold)
    listing = list_source(source, data_dir=data_dir, download=download, group=group, nested=nested)
    splits, carved = three_splits(listing, validation=validation, test=test, seed=seed, fold=chosen)
    image_format = _format(listing.samples, splits["train"], image_size, channels, resize)
    return Dataset(
        name=listing.name,
        source=str(source),
        classes=listing.classes,
        format=image_format,
        samples=listing.samples,
        splits=splits,
        skipped=listing.skipped,
        carved=carved,
        groups=listing.groups,
        options=_decisive(validation=validation, test=test, group=group, fold=fold, nested=nested),
    )


def _decisive(**options: Any) -> dict[str, Any]:
    """Return the options that are not what :func:`load_data` takes without them."""
    defaults = inspect.signature(load_data).parameters
    return {name: value for name, value in options.items() if value != defaults[name].default}


def list_source(
    source: str | Path,
    *,
    data_dir: Path | None = None,
    download: bool = False,
    group: str | None = None,
    nested: bool = False,
) -> Listing:
    """Find out what kind of source it is, and what it holds.

    Args:
        source: see :func:`load_data`.
        data_dir: where to look first for the files of a named data set.
        download: fetch a named data set that is nowhere on this machine.
        group: the table's column of groups.
        nested: see :func:`load_data`.

    Raises:
        DataError: there is no such source, or it cannot be read.
        OptionError: a group, or nested classes, are asked of a source that has none.
    """
    if group is not None and Path(source).suffix.lower() not in TABLE_SUFFIXES:
        raise OptionError(f"--group {group}: only a table (.csv, .tsv, .parquet) has columns")
    if nested and not may_be_nested(source):
        raise OptionError("--nested: only folders and archives have classes in classes")
    if isinstance(source, str) and source in CATALOGUE:
        return read_named(CATALOGUE[source], data_dir=data_dir, download=download)
    if str(source).startswith(HUB_PREFIX):
        return list_hub(str(source).removeprefix(HUB_PREFIX), download=download)
    path = _existing(source)
    if path.is_dir():
        if is_idx_folder(path):
            return list_arrays(path)
        if is_hub_folder(path):
            return list_hub(str(path), download=False)
        return list_folder(path, nested=nested)
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return list_table(path, group=group)
    if is_archive(path):
        return list_archive(path, nested=nested)
    if is_array_file(path):
        return list_arrays(path)
    raise DataError(
        f"{source} is a file of a kind that is not read; give a folder of class folders, a table "
        "(.csv, .tsv, .parquet), arrays (.npz, .npy, IDX), or an archive (.zip, .tar)\n" + LAYOUT
    )


def may_be_nested(source: str | Path) -> bool:
    """Say whether folders are classes in this source.

    Example:
        >>> may_be_nested("fashion-mini")
        False
    """
    if str(source) in CATALOGUE or str(source).startswith(HUB_PREFIX):
        return False
    path = Path(source).expanduser()
    if path.is_dir():
        return not (is_idx_folder(path) or is_hub_folder(path))
    return is_archive(path)


def _existing(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if path.exists():
        return path
    raise DataError(
        f"{source}: no folder, no file and no named data set{did_you_mean(str(source), names())}; "
        f"named ones are {', '.join(names())}"
    )


def _format(
    samples: Samples,
    train: NDArray[np.int64],
    image_size: int | None,
    channels: int | None,
    resize: Resize,
) -> ImageFormat:
    if image_size is not None and channels is not None:
        return ImageFormat(image_size, image_size, channels, resize=resize)
    headers = _headers(samples, train)
    grey = bool(headers) and all(header.grey for header in headers)
    height, width = _side(headers) if image_size is None else (image_size, image_size)
    native = 1 if grey else 3
    return ImageFormat(height, width, native if channels is None else channels, resize=resize)


def _headers(samples: Samples, train: NDArray[np.int64]) -> list[Header]:
    count = min(len(train), _HEADERS_LOOKED_AT)
    chosen = train[np.linspace(0, len(train) - 1, count).round().astype(int)] if count else train
    headers = []
    for position in chosen.tolist():
        # What cannot be read is told when everything is decoded.
        with contextlib.suppress(DataError):
            headers.append(samples.header(position))
    return headers


def _side(headers: Sequence[Header]) -> tuple[int, int]:
    if not headers:
        return _SMALLEST_SIDE, _SMALLEST_SIDE
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1:
        height, width = sizes.pop()
        if max(height, width) <= _LARGEST_NATIVE_SIDE:
            return height, width
    shorter = np.median([min(header.height, header.width) for header in headers])
    side = int(np.clip(shorter, _SMALLEST_SIDE, 128)) // 16 * 16
    return side, side
