"""Audit: everything that was found about a data set, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data.dataset import Decoded, Skipped


@dataclass(frozen=True)
class Located:
    """One picture, and where it belongs.

    Args:
        path: the source's own name of it.
        split: ``train``, ``validation`` or ``test``.
        label: name of its class.
        position: where it stands in ``dataset.samples``; two files may print the same path.
    """

    path: str
    split: str
    label: str
    position: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class Pictures:
    """The readable pictures of all splits as one row of n, split after split.

    Args:
        decoded: what was read.
    """

    decoded: Decoded

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each split begins, and n; int64, (splits + 1,)."""
        return np.cumsum([0, *map(len, self.decoded.stores.values())]).astype(np.int64)

    @cached_property
    def digests(self) -> NDArray[np.uint8]:
        """Digests of the decoded pixels, uint8, (n, 16)."""
        return np.concatenate([store.digests for store in self.decoded.stores.values()])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of each picture."""
        return next(iter(self.decoded.stores.values())).shape

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures of these rows, uint8, (m, height, width, channels)."""
        pixels = np.empty((len(rows), *self.shape), np.uint8)
        home = self._home(rows)
        for number, store in enumerate(self.decoded.stores.values()):
            here = np.flatnonzero(home == number)
            if len(here):
                pixels[here] = store.take(rows[here] - self.starts[number])
        return pixels

    def position(self, row: int) -> int:
        """Return where a picture stands in ``dataset.samples``."""
        return self.located(row).position

    def located(self, row: int) -> Located:
        """Return a picture's name, split and class."""
        number = int(self._home(np.array([row]))[0])
        split, store = list(self.decoded.stores.items())[number]
        place = row - int(self.starts[number])
        places = self.decoded.places.get(split)
        position = -1 if places is None else int(places[place])
        label = self.decoded.dataset.classes[int(store.labels[place])]
        return Located(store.ids[place], split, label, position)

    def _home(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self.starts, rows, side="right").astype(np.int64) - 1


@dataclass(frozen=True)
class Duplicate:
    """Two or more pictures with the same pixels, in canonical order."""

    pictures: tuple[Located, ...]

    @property
    def crosses_split(self) -> bool:
        """Whether they stand in more than one split."""
        return len({picture.split for picture in self.pictures}) > 1

    @property
    def conflicts(self) -> bool:
        """Whether they have more than one label."""
        return len({picture.label for picture in self.pictures}) > 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: ``paths``, ``splits`` and ``labels``, in the same order."""
        return {
            "paths": [picture.path for picture in self.pictures],
            "splits": [picture.split for picture in self.pictures],
            "labels": [picture.label for picture in self.pictures],
        }


@dataclass(frozen=True)
class NearDuplicate:
    """Two pictures that differ by little.

    Args:
        a: the one that comes first in canonical order.
        b: the other.
        distance: root mean square difference of their pixels, in grey levels of 0…255.
        bits: of 64 how many differ between their perceptual hashes; None where none was computed.
    """

    a: Located
    b: Located
    distance: float
    bits: int | None = None

    @property
    def crosses_split(self) -> bool:
        """Whether they stand in two splits."""
        return self.a.split != self.b.split

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "a": self.a.path,
            "b": self.b.path,
            "distance": round(self.distance, 3),
            "bits": self.bits,
            "splits": [self.a.split, self.b.split],
            "labels": [self.a.label, self.b.label],
            "crosses_split": self.crosses_split,
        }


@dataclass(frozen=True)
class Oddity:
    """Pictures that are readable, and yet worth knowing about for one reason.

    Args:
        name: a word for JSON, for example ``"rotated"``.
        meaning: what it is and what convwise does with it, one short sentence.
        pictures: which ones.
    """

    name: str
    meaning: str
    pictures: tuple[Located, ...]


@dataclass(frozen=True)
class Audit:
    """All findings about one data set.

    Args:
        source: what was audited.
        image_format: height, width and channels that the pictures were decoded to.
        counts: split → class → how many pictures could be read.
        skipped: files that were left out, with reasons.
        oddities: readable pictures that are out of the ordinary.
        duplicates: all sets of equal pictures.
        near_duplicates: pairs that differ by little; None where they were not searched.
        warnings: sentences about the whole: small classes, imbalance, names.
        carved: splits that convwise made, as the source had none.
        moved: duplicates that were moved to the training split so that no split convwise made
            holds a copy of a training picture.
    """

    source: str
    image_format: tuple[int, int, int]
    counts: Mapping[str, Mapping[str, int]]
    skipped: tuple[Skipped, ...] = ()
    oddities: tuple[Oddity, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    near_duplicates: tuple[NearDuplicate, ...] | None = None
    warnings: tuple[str, ...] = ()
    carved: tuple[str, ...] = ()
    moved: tuple[Located, ...] = ()

    @property
    def images(self) -> int:
        """How many pictures could be read."""
        return sum(sum(split.values()) for split in self.counts.values())

    @property
    def classes(self) -> dict[str, int]:
        """Class name → readable pictures of all splits."""
        names = {name for split in self.counts.values() for name in split}
        order = [name for name in next(iter(self.counts.values()), {}) if name in names]
        return {name: sum(split[name] for split in self.counts.values()) for name in order}

    @property
    def damaged(self) -> tuple[Skipped, ...]:
        """The files that should have been pictures of a class and cannot be read."""
        return tuple(each for each in self.skipped if each.damaged)

    @property
    def leaks(self) -> tuple[Duplicate, ...]:
        """The duplicates that stand in more than one split."""
        return tuple(each for each in self.duplicates if each.crosses_split)

    @property
    def conflicts(self) -> tuple[Duplicate, ...]:
        """The duplicates that have more than one label."""
        return tuple(each for each in self.duplicates if each.conflicts)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, with the keys that ``convwise audit --json`` prints."""
        near = self.near_duplicates
        return {
            "source": self.source,
            "images": self.images,
            "classes": self.classes,
            "splits": {split: dict(counts) for split, counts in self.counts.items()},
            "image_format": list(self.image_format),
            "skipped": [asdict(each) for each in self.skipped],
            "oddities": {
                each.name: [picture.path for picture in each.pictures] for each in self.oddities
            },
            "duplicates": [each.to_dict() for each in self.duplicates],
            "leaks": [each.to_dict() for each in self.leaks],
            "near_duplicates": None if near is None else [each.to_dict() for each in near],
            "conflicts": [each.to_dict() for each in self.conflicts],
            "warnings": list(self.warnings),
            "carved": list(self.carved),
            "moved": [picture.path for picture in self.moved],
        }
