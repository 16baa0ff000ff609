"""Named data sets, and where their files are looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from convwise.data.arrays import ArraySamples, read_idx
from convwise.data.download import fetch
from convwise.data.listing import Listing, consecutive
from convwise.errors import DataError

SYSTEM_FOLDER = Path("/usr/share/datasets")
EMBEDDED_FOLDER = Path(__file__).with_name("embedded")

_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class IdxFile:
    """One file of a data set.

    Args:
        name: file name without ``.gz``; a plain and a compressed file serve equally.
        sha256: of the uncompressed content.
        md5: of the published ``.gz`` file, or None where none is published.
    """

    name: str
    sha256: str
    md5: str | None = None


@dataclass(frozen=True)
class Entry:
    """A named data set of IDX files.

    Args:
        name: what the user writes.
        title: one line for lists.
        classes: class names in label order.
        splits: ``train`` and ``test`` → (pictures, labels). The test split is the official one.
        embedded: the files come with convwise.
        url: where ``--download`` fetches from, ending in a slash.
        package: Debian package that holds the files.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[IdxFile, IdxFile]]
    embedded: bool = False
    url: str | None = None
    package: str | None = None

    @property
    def files(self) -> tuple[IdxFile, ...]:
        """All files of all splits."""
        return tuple(file for pair in self.splits.values() for file in pair)


# The SHA-256 are those of Zalando's published files: Debian's copies, with name and time put back
# into the gzip header, have exactly the published MD5.
FASHION_MNIST = Entry(
    name="fashion-mnist",
    title="60,000 + 10,000 grey pictures of clothes, 28×28, 10 classes (Xiao et al. 2017)",
    classes=_CLOTHES,
    splits={
        "train": (
            IdxFile(
                "train-images-idx3-ubyte",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            ),
            IdxFile(
                "train-labels-idx1-ubyte",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "25c81989df183df01b3e8a0aad5dffbe",
            ),
        ),
        "test": (
            IdxFile(
                "t10k-images-idx3-ubyte",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "bef4ecab320f06d8554ea6380940ec79",
            ),
            IdxFile(
                "t10k-labels-idx1-ubyte",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
    },
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    package="dataset-fashion-mnist",
)

FASHION_MINI = Entry(
    name="fashion-mini",
    title="the first 1,000 + 200 pictures of each class of fashion-mnist; part of convwise",
    classes=_CLOTHES,
    splits={
        "train": (
            IdxFile(
                "fashion-mini-train-images",
                "d33512cfdc636a0d8972818e6659995be209a88891df7fa2109d7895922c8985",
            ),
            IdxFile(
                "fashion-mini-train-labels",
                "620cb8e3b9348037c5ff9a07b02d773ab165330e072dfd19e0d21c59f8042dcf",
            ),
        ),
        "test": (
            IdxFile(
                "fashion-mini-test-images",
                "15a92dd1e9b16ea361928086e77df4dfa890c255c00b5a8c8162c1040ce8eef1",
            ),
            IdxFile(
                "fashion-mini-test-labels",
                "234596aeb6eb48133ec99a62541f90bc0728c9559a681f1e0638037462458f2c",
            ),
        ),
    },
    embedded=True,
)

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {entry.name: entry for entry in (FASHION_MNIST, FASHION_MINI)}
)


def names() -> tuple[str, ...]:
    """Return the names that :func:`convwise.data.load_data` knows."""
    return tuple(CATALOGUE)


def cache_folder() -> Path:
    """Return the user's cache for convwise: ``$XDG_CACHE_HOME/convwise`` or ``~/.cache/convwise``.

    A relative ``$XDG_CACHE_HOME`` is ignored, as the XDG base directory specification demands.
    """
    stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (stated if stated.is_absolute() else Path.home() / ".cache") / "convwise"


def read_named(entry: Entry, *, data_dir: Path | None = None, download: bool = False) -> Listing:
    """Read the official splits of a named data set.

    The files are looked for in ``data_dir``, ``data_dir/NAME``, the user's cache and
    ``/usr/share/datasets/NAME``; the first folder that has all of them counts.

    Args:
        entry: one of the catalogue.
        data_dir: a folder to look in first.
        download: fetch the files into the user's cache if no folder has them.

    Returns:
        the parts ``train`` and ``test``.

    Raises:
        DataError: the files are nowhere, damaged, or not the published ones.

    Example:
        >>> {name: len(part) for name, part in read_named(FASHION_MINI).parts.items()}
        {'train': 10000, 'test': 2000}
    """
    paths = locate(entry, data_dir)
    if paths is None and download and entry.url:
        sums = {f"{file.name}.gz": file.md5 for file in entry.files if file.md5}
        fetch(entry.url, sums, cache_folder() / entry.name)
        paths = locate(entry, data_dir)
    if paths is None:
        raise DataError(_not_found(entry, data_dir))
    parts = {}
    for split, (pictures, labels) in entry.splits.items():
        images = read_idx(paths[pictures], dimensions=3, sha256=pictures.sha256)
        classes = read_idx(paths[labels], dimensions=1, sha256=labels.sha256)
        parts[split] = ArraySamples.of(images, classes, split)
    sizes = {split: len(part) for split, part in parts.items()}
    samples = ArraySamples.joined(list(parts.values()))
    return Listing(entry.name, entry.classes, samples, consecutive(sizes))


def _folders(entry: Entry, data_dir: Path | None) -> list[Path]:
    if entry.embedded:
        return [EMBEDDED_FOLDER]
    given = [Path(data_dir), Path(data_dir) / entry.name] if data_dir else []
    return [*given, cache_folder() / entry.name, SYSTEM_FOLDER / entry.name]


def locate(entry: Entry, data_dir: Path | None = None) -> dict[IdxFile, Path] | None:
    """Return where the files of a data set are; None if no folder has all of them."""
    for folder in _folders(entry, data_dir):
        found = {}
        for file in entry.files:
            for path in (folder / file.name, folder / f"{file.name}.gz"):
                if path.is_file():
                    found[file] = path
                    break
        if len(found) == len(entry.files):
            return found
    return None


def _not_found(entry: Entry, data_dir: Path | None) -> str:
    searched = ", ".join(map(str, _folders(entry, data_dir)))
    if entry.embedded:
        return f"{entry.name}: its files are missing from {searched}; install convwise again"
    return (
        f"{entry.name}: files {entry.files[0].name}(.gz) and {len(entry.files) - 1} more are in "
        f"none of {searched}. Do one of: `apt install {entry.package}`; "
        f"`--data-dir DIR` with the folder that holds them; `--download` to fetch them. "
        f"Or use {FASHION_MINI.name}, which needs nothing"
    )
