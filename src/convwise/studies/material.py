"""Material: the user's images as a study uses them."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import numpy as np

from convwise.data.dataset import Decoded
from convwise.data.split import stratified_split
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.studies.task import Labels, Pixels

WATCHED_IMAGES = 200


@dataclass(frozen=True, eq=False)
class Material:
    """What all arms get their images from.

    The test split is the same for all seeds. The others are drawn from ``pool`` by the seed.

    Args:
        name: of the data set.
        source: as it was asked for.
        classes: their names.
        pool: images to train on; where convwise had held out a validation split, with it.
        test: images to score on.
        fingerprint: of the data set.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    pool: PixelStore
    test: PixelStore
    fingerprint: str

    @classmethod
    def of(cls, decoded: Decoded) -> Material:
        """Return the material of a data set.

        Raises:
            DataError: there is nothing to learn from or nothing to score.
        """
        decoded.require_learnable()
        dataset, stores = decoded.dataset, decoded.stores
        pool = stores["train"]
        if "validation" in dataset.carved:
            pool = PixelStore.joined([pool, stores["validation"]])
        test = stores["test"]
        return cls(dataset.name, dataset.source, dataset.classes, pool, test, decoded.fingerprint)

    @property
    def bytes(self) -> int:
        """Size of all pixels."""
        stores = {id(store.images): store.images.nbytes for store in (self.pool, self.test)}
        return sum(stores.values())

    @property
    def trainable(self) -> int:
        """How many images one training can have."""
        return len(self.pool) - min(WATCHED_IMAGES, round(0.1 * len(self.pool)))

    def drawn(self, seed: int, images: int | None) -> tuple[PixelStore, PixelStore]:
        """Return the images that a seed trains on, and a few others that it is watched on.

        Args:
            seed: decides which, the same ones for all arms.
            images: how many to train on; None for all.
        """
        kept, held = stratified_split(self.pool.labels, 0.1, seed, WATCHED_IMAGES)
        train = self.pool.select(kept)
        if images is not None and images < len(train):
            _, chosen = stratified_split(train.labels, images / len(train), seed)
            train = train.select(chosen)
        return train, self.pool.select(held if len(held) else kept)


def format_of(store: PixelStore) -> ImageFormat:
    """Return the format of a store's images, with their mean and spread."""
    height, width, channels = store.shape
    mean, std = store.channel_statistics()
    return ImageFormat(height, width, channels, mean=mean, std=std)


def store_of(pixels: Pixels, store: PixelStore, labels: Labels) -> PixelStore:
    """Return a store of other pixels and labels with the names of this one."""
    return dataclasses.replace(
        store,
        images=np.ascontiguousarray(pixels),
        labels=labels.astype(np.int64),
        rows=None,
        known_digests=None,
    )


def digest_of(*parts: object) -> str:
    """Return a short digest of values by what they print."""
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()[:16]
