"""Test pictures of the data that a model was trained on, a few at a time."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convwise.data.arrays import ArraySamples
from convwise.data.catalogue import CATALOGUE
from convwise.data.dataset import Dataset
from convwise.data.files import FileSamples
from convwise.data.load import load_data
from convwise.errors import DataError
from convwise.lab.places import Places

KEPT = 2


@dataclass(frozen=True, eq=False)
class KnownPicture:
    """One test picture.

    Args:
        place: in the test split.
        label: name of its class.
        pixels: uint8 (height, width, channels), in the data set's own format.
    """

    place: int
    label: str
    pixels: NDArray[np.uint8]


class KnownPictures:
    """Reads test pictures; the data sets that were asked last are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Dataset] = OrderedDict()
        self._lock = threading.Lock()

    def dataset(self, source: str | None, places: Places) -> Dataset:
        """Return the data set of a model, if the lab may read it.

        Args:
            source: as the model's training was asked for it; this may say anything.
            places: what the lab was given.

        Raises:
            DataError: nothing is known of it, it was not given to the lab, or cannot be read.
        """
        allowed = _allowed(source, places)
        with self._lock:
            if allowed not in self._kept:
                self._kept[allowed] = load_data(allowed)
            self._kept.move_to_end(allowed)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[allowed]

    @staticmethod
    def pictures(dataset: Dataset, count: int, turn: int) -> list[KnownPicture]:
        """Return some test pictures, spread over the classes.

        Args:
            dataset: what they come from.
            count: how many.
            turn: another number gives other pictures.
        """
        total = len(dataset.splits["test"])
        # Of a width that shares no divisor with most sizes, so that turns differ.
        chosen = (np.linspace(0, total, count, endpoint=False).astype(int) + 7 * turn) % total
        return list(_decoded(dataset, sorted(set(chosen.tolist()))))

    @staticmethod
    def picture(dataset: Dataset, place: int) -> KnownPicture:
        """Return one test picture.

        Raises:
            DataError: there is none at this place, or it cannot be read.
        """
        if not 0 <= place < len(dataset.splits["test"]):
            raise DataError(f"there is no test picture {place}; open the page anew")
        for found in _decoded(dataset, [place]):
            return found
        raise DataError("this picture cannot be read; choose another one")


def _allowed(source: str | None, places: Places) -> str:
    if source in CATALOGUE:
        assert source is not None
        return source
    for path in places.data:
        if source is not None and Path(source).resolve() == path.resolve():
            return str(path)
    raise DataError(
        "the lab was not given the pictures that this network was trained on; start it with"
        " --data and their folder, or use a picture of yours"
    )


def _decoded(dataset: Dataset, chosen: list[int]) -> Iterator[KnownPicture]:
    positions = dataset.splits["test"][chosen]
    samples = dataset.samples
    if isinstance(samples, FileSamples):
        paths = tuple(samples.paths[position] for position in positions.tolist())
        some = dataclasses.replace(samples, paths=paths, labels=samples.labels[positions])
        reading = some.decode(dataset.format)
    elif isinstance(samples, ArraySamples):
        ids = tuple(samples.ids[position] for position in positions.tolist())
        reading = ArraySamples(
            samples.images, samples.rows[positions], samples.labels[positions], ids
        ).decode(dataset.format)
    else:
        raise DataError("pictures of this kind of data cannot be shown one by one")
    for number, (place, position) in enumerate(zip(chosen, positions.tolist(), strict=True)):
        if number not in reading.reasons:
            label = dataset.classes[int(samples.labels[position])]
            yield KnownPicture(place, label, reading.images[reading.rows[number]])
