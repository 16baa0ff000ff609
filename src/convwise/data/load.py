"""load_data: from a name or a folder to a Dataset with three splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from convwise.data.catalogue import CATALOGUE, names, read_named
from convwise.data.dataset import SPLITS, Dataset, Samples
from convwise.data.decode import DecodeError, Header, read_header
from convwise.data.files import FileSamples
from convwise.data.folder import LAYOUT, list_folder
from convwise.data.split import stratified_split
from convwise.errors import DataError, OptionError, did_you_mean
from convwise.image import ImageFormat, Resize

VALIDATION_LIMIT = 5_000

_HEADERS_LOOKED_AT = 200
_LARGEST_NATIVE_SIDE = 64


def load_data(
    source: str | Path,
    *,
    data_dir: Path | None = None,
    download: bool = False,
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
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
        source: a name such as ``"fashion-mini"``, or a folder with a folder per class.
        data_dir: where to look first for the files of a named data set.
        download: fetch a named data set that is nowhere on this machine.
        validation: share of the training pictures to hold out, between 0 and 1.
        test: share of all pictures to hold out, between 0 and 1.
        seed: decides which pictures are held out.
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
    found: dict[str, Samples]
    if isinstance(source, str) and source in CATALOGUE:
        entry = CATALOGUE[source]
        named = read_named(entry, data_dir=data_dir, download=download)
        height, width = named["train"].images.shape[1:3]
        image_format = _format(height, width, 1, image_size, channels, resize)
        found = dict(named)
        splits = _three_splits(source, found, validation, test, seed)
        return Dataset(source, source, entry.classes, image_format, splits)
    folder = _existing_folder(source)
    listing = list_folder(folder)
    found = dict(listing.splits)
    splits = _three_splits(str(folder), found, validation, test, seed)
    image_format = _folder_format(splits["train"], image_size, channels, resize)
    return Dataset(
        folder.resolve().name, str(source), listing.classes, image_format, splits, listing.skipped
    )


def _existing_folder(source: str | Path) -> Path:
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(
            f"{source} is a file; give the folder that holds the class folders\n{LAYOUT}"
        )
    raise DataError(
        f"{source}: no folder and no named data set{did_you_mean(str(source), names())}; "
        f"named ones are {', '.join(names())}"
    )


def _three_splits(
    source: str, found: Mapping[str, Samples], validation: float, test: float, seed: int
) -> dict[str, Samples]:
    parts = dict(found)
    train = parts["train"] if "train" in parts else parts.pop("all")
    if "test" not in parts:
        kept, held = stratified_split(train.labels, test, seed)
        train, parts["test"] = train.select(kept), train.select(held)
    if "validation" not in parts:
        kept, held = stratified_split(train.labels, validation, seed, VALIDATION_LIMIT)
        train, parts["validation"] = train.select(kept), train.select(held)
    parts["train"] = train
    for split in SPLITS:
        if not len(parts[split]):
            raise DataError(
                f"{source}: too few pictures for a {split} split; have at least three of a class"
            )
    return {split: parts[split] for split in SPLITS}


def _format(
    height: int,
    width: int,
    native_channels: int,
    image_size: int | None,
    channels: int | None,
    resize: Resize,
) -> ImageFormat:
    if image_size is not None:
        height = width = image_size
    return ImageFormat(
        height, width, native_channels if channels is None else channels, resize=resize
    )


def _folder_format(
    train: Samples, image_size: int | None, channels: int | None, resize: Resize
) -> ImageFormat:
    if image_size is not None and channels is not None:
        return ImageFormat(image_size, image_size, channels, resize=resize)
    assert isinstance(train, FileSamples)
    headers = _headers(train)
    grey = all(header.grey for header in headers)
    height, width = _side(headers)
    return _format(height, width, 1 if grey else 3, image_size, channels, resize)


def _headers(train: FileSamples) -> list[Header]:
    count = min(len(train), _HEADERS_LOOKED_AT)
    chosen = np.linspace(0, len(train) - 1, count).round().astype(int)
    headers, reasons = [], []
    for index in chosen.tolist():
        try:
            headers.append(read_header(train.root / train.paths[index]))
        except DecodeError as error:
            reasons.append(f"{train.ids[index]}: {error.reason}")
    if not headers:
        raise DataError(
            f"{train.root}: none of {count} training pictures looked at can be read; {reasons[0]}"
        )
    return headers


def _side(headers: Sequence[Header]) -> tuple[int, int]:
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1:
        height, width = sizes.pop()
        if max(height, width) <= _LARGEST_NATIVE_SIDE:
            return height, width
    shorter = np.median([min(header.height, header.width) for header in headers])
    side = int(np.clip(shorter, 16, 128)) // 16 * 16
    return side, side
