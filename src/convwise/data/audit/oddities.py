"""Oddities: pictures that are read without trouble, and yet worth knowing about."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from convwise.data.audit.findings import Oddity, Pictures
from convwise.data.store import PixelStore
from convwise.data.traits import Kind, Traits

ODD_RATIO = 4
SMALLEST_SIDE = 8

Test = Callable[[Traits, PixelStore], NDArray[np.bool_]]


def find_oddities(pictures: Pictures) -> tuple[Oddity, ...]:
    """Return every oddity that at least one picture has, with those pictures in order."""
    found = []
    for name, meaning, test in _TESTS:
        rows = list(_rows(pictures, test))
        if rows:
            found.append(Oddity(name, meaning, tuple(map(pictures.located, rows))))
    return tuple(found)


def _rows(pictures: Pictures, test: Test) -> Iterator[int]:
    decoded = pictures.decoded
    for start, (split, store) in zip(pictures.starts, decoded.stores.items(), strict=False):
        traits = decoded.traits.get(split)
        if traits is not None and len(store):
            yield from (int(start) + np.flatnonzero(test(traits, store))).tolist()


def _of_kind(kind: Kind) -> Test:
    return lambda traits, store: traits.having(kind)


def _odd_aspect(traits: Traits, store: PixelStore) -> NDArray[np.bool_]:
    longer = np.maximum(traits.widths, traits.heights).astype(np.int64)
    found: NDArray[np.bool_] = longer > ODD_RATIO * np.minimum(traits.widths, traits.heights)
    return found


def _tiny(traits: Traits, store: PixelStore) -> NDArray[np.bool_]:
    height, width, _ = store.shape
    narrow = traits.widths < max(SMALLEST_SIDE, width / 4)
    low = traits.heights < max(SMALLEST_SIDE, height / 4)
    found: NDArray[np.bool_] = narrow | low
    return found


def _constant(traits: Traits, store: PixelStore) -> NDArray[np.bool_]:
    # Those from files were looked at before they were padded, those from arrays were not.
    found = []
    for block in store.blocks():
        colours = block.reshape(len(block), -1, block.shape[3])
        found.append((colours == colours[:, :1]).all(axis=(1, 2)))
    return np.concatenate(found) | traits.having(Kind.CONSTANT)


_TESTS: tuple[tuple[str, str, Test], ...] = (
    (
        "rotated",
        "the file says that the camera was held sideways or mirrored; it is turned upright",
        _of_kind(Kind.ROTATED),
    ),
    (
        "sixteen_bit",
        "more than 8 bits for each value; scaled to 0…255, the finest steps are lost",
        _of_kind(Kind.SIXTEEN_BIT),
    ),
    (
        "cmyk",
        "colours meant for print; converted without a colour profile, so hues may shift",
        _of_kind(Kind.CMYK),
    ),
    ("palette", "colours from a palette; each is looked up", _of_kind(Kind.PALETTE)),
    (
        "alpha",
        "parts are transparent; they are laid on the background of the image format",
        _of_kind(Kind.ALPHA),
    ),
    (
        "animated",
        "more than one picture in the file; only the first counts",
        _of_kind(Kind.ANIMATED),
    ),
    (
        "odd_aspect",
        "the longer side is more than 4 times the shorter; resizing leaves little to see",
        _odd_aspect,
    ),
    (
        "tiny",
        "a side is below 8 pixels or a quarter of what the network sees; it is enlarged",
        _tiny,
    ),
    (
        "constant",
        "one colour all over; it is kept, but nothing can be learnt from it",
        _constant,
    ),
)
