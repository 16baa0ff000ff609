"""The pictures of an audit page: small, found by name, and only so many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.data.audit.findings import Located
from convwise.data.dataset import Decoded
from convwise.data.store import PixelStore
from convwise.report.pictures import png_data_uri
from convwise.report.wording import shown

MOST_PICTURES = 200
# Of noise, the worst case, a PNG of this size takes 37 kB of the page.
LONGEST_SIDE = 96


@dataclass(frozen=True)
class Tile:
    """One picture as the page shows it; ``picture`` is a data URI, or None without pixels."""

    path: str
    split: str
    label: str
    picture: str | None
    pixelated: bool = False


class Thumbnails:
    """Gives pictures of a decoded data set to the page until it holds enough of them.

    Args:
        decoded: where the pixels lie.
        most: how many pictures are given; after these a tile is told in words alone.
    """

    def __init__(self, decoded: Decoded, most: int = MOST_PICTURES) -> None:
        self.left = most
        self._decoded = decoded
        self._places: dict[str, dict[str, int]] = {}

    def tile(self, located: Located) -> Tile:
        """Return the tile of a picture, without pixels if it is not among the readable ones."""
        pixels = self._pixels(located) if self.left > 0 else None
        if pixels is None:
            return _tile(located, None)
        self.left -= 1
        return _tile(located, pixels)

    def tiles(self, pictures: Sequence[Located], most: int) -> tuple[Tile, ...]:
        """Return the tiles of the first pictures."""
        return tuple(self.tile(picture) for picture in pictures[:most])

    def first_of_class(self, split: str, label: int, most: int) -> tuple[Tile, ...]:
        """Return the first pictures of a class in canonical order."""
        store, name = self._decoded.stores[split], self._decoded.dataset.classes[label]
        places = np.flatnonzero(store.labels == label)[: min(most, self.left)]
        self.left -= len(places)
        return tuple(
            _tile(Located(store.ids[place], split, name), _one(store, place))
            for place in places.tolist()
        )

    def _pixels(self, located: Located) -> NDArray[np.uint8] | None:
        store = self._decoded.stores.get(located.split)
        if store is None:
            return None
        if located.position >= 0 and located.split in self._decoded.places:
            found = np.flatnonzero(self._decoded.places[located.split] == located.position)
            return _one(store, int(found[0])) if len(found) else None
        if located.split not in self._places:
            self._places[located.split] = {name: place for place, name in enumerate(store.ids)}
        place = self._places[located.split].get(located.path)
        return None if place is None else _one(store, place)


def _one(store: PixelStore, place: int) -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = store.take(slice(place, place + 1))[0]
    return picture


def _tile(located: Located, pixels: NDArray[np.uint8] | None) -> Tile:
    return Tile(
        path=shown(located.path),
        split=shown(located.split),
        label=shown(located.label),
        picture=None if pixels is None else png_data_uri(_small(pixels)),
        # Between pixels of a small picture there is nothing to smooth.
        pixelated=pixels is not None and max(pixels.shape[:2]) <= LONGEST_SIDE,
    )


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (height, width, channels) with no side longer than a thumbnail's."""
    if max(pixels.shape[:2]) <= LONGEST_SIDE:
        return pixels
    grey = pixels.shape[2] == 1
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    small = np.asarray(picture, np.uint8)
    return small[:, :, None] if grey else small
