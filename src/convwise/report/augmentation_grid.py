"""A picture of what augmentation does: training images as they are, and in each of some epochs."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from convwise.data.batches import Batches

PICTURES, EPOCHS = 8, 8
SMALLEST_CELL = 72

_GAP, _MARGIN, _HEADING = 6, 12, 18
_PAPER, _INK = (255, 255, 255), (60, 60, 60)


def augmentation_grid(batches: Batches) -> bytes:
    """Draw a row for each of up to eight images, of as many classes as there are.

    Args:
        batches: the training images, with how they are changed and mixed.

    Returns:
        a PNG: the stored image on the left, then the same image in epochs 1 to 8.

    Example:
        >>> from convwise.data.augment.augmentation import Augmentation
        >>> from convwise.data.store import PixelStore
        >>> from convwise.image import ImageFormat
        >>> store = PixelStore(np.zeros((5, 4, 4, 1), np.uint8), np.arange(5), tuple("abcde"))
        >>> content = augmentation_grid(Batches(store, ImageFormat(4, 4, 1), 2, 0, Augmentation()))
        >>> Image.open(io.BytesIO(content)).format
        'PNG'
    """
    chosen = _chosen(batches.store.labels)
    columns = [batches.store.take(chosen)]
    columns += [batches.pictures(chosen, epoch).pixels for epoch in range(1, EPOCHS + 1)]
    height, width, _ = batches.store.shape
    # By whole steps, so that each pixel stays a square.
    zoom = max(1, -(-SMALLEST_CELL // min(height, width)))
    across, down = width * zoom + _GAP, height * zoom + _GAP
    grid = Image.new(
        "RGB",
        (2 * _MARGIN + across * (EPOCHS + 1), _MARGIN + _HEADING + down * len(chosen)),
        _PAPER,
    )
    pen = ImageDraw.Draw(grid)
    for column, pictures in enumerate(columns):
        # The stored images stand apart from the changed ones.
        left = _MARGIN + across * column + (_GAP if column else 0)
        pen.text((left, 4), f"epoch {column}" if column else "stored", fill=_INK)
        for row, picture in enumerate(pictures):
            cell = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
            cell = cell.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
            grid.paste(cell, (left, _HEADING + down * row))
    file = io.BytesIO()
    grid.save(file, "PNG", optimize=True)
    return file.getvalue()


def _chosen(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions: the first image of each class, then the second of each, and so on."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    turn = np.arange(len(labels)) - np.repeat(starts, counts)
    return order[np.lexsort((labels[order], turn))][:PICTURES].astype(np.int64)
