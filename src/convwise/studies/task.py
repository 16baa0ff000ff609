"""Task: what an arm is trained and tested on, made from the user's images.

A subclass is a frozen dataclass: its fields enter the fingerprint of every cell that uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]
Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class TestSet:
    """Images that an arm is scored on.

    Args:
        name: what a comparison calls it.
        views: uint8 (images, height, width, channels) each: the same images in one or several
            ways, made when they are asked for. An image's score is the share that it is right in.
        labels: int64 (images,).
    """

    name: str
    views: Iterable[Pixels]
    labels: Labels


@dataclass(frozen=True)
class Task:
    """The user's images and classes as they are."""

    def shape(self, image: Shape) -> Shape:
        """Return (height, width, channels) of the task's images."""
        return image

    def classes(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of the task's classes."""
        return classes

    def training(self, pixels: Pixels, labels: Labels, seed: int) -> tuple[Pixels, Labels]:
        """Return what is trained on.

        Args:
            pixels: uint8 (images, height, width, channels), the user's training images.
            labels: int64 (images,).
            seed: of the cell.
        """
        return pixels, labels

    def tests(self, pixels: Pixels, labels: Labels) -> Iterator[TestSet]:
        """Yield what is tested on, the same for all seeds; arguments as for :meth:`training`."""
        yield TestSet("test", (pixels,), labels)
