"""Pictures that stay in a GPU's memory, and become batches there.

Bytes moved from the processor in a step: some indices for each picture, and none of its pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

# Copied at once, so that pictures mapped from a file never stand in memory as a whole.
_COPIED_TOGETHER = 64 << 20


class ResidentPictures:
    """Gathers, mirrors, moves and scales on the device that holds all pictures.

    What comes out has the bits of :func:`convwise.data.augment.position.mirror_and_shift` and then
    :func:`convwise.data.batches.to_input`.

    Args:
        images: uint8 (n, height, width, channels), all those that are ever asked for.
        device: where they go.

    Example:
        >>> row = np.array([[[[1], [2], [3]]]], np.uint8)
        >>> levels = np.arange(256, dtype=np.float32)[None]
        >>> moves = (np.array([0]), np.array([1]), np.array([True]))
        >>> pictures = ResidentPictures(row, "cpu")
        >>> pictures(row, np.array([0]), moves, levels, pad_value=9).flatten().tolist()
        [9.0, 3.0, 2.0]
    """

    def __init__(self, images: NDArray[np.uint8], device: torch.device | str) -> None:
        self._images = torch.empty(images.shape, dtype=torch.uint8, device=device)
        step = max(1, _COPIED_TOGETHER // max(images[0].nbytes, 1))
        for start in range(0, len(images), step):
            part = np.array(images[start : start + step])
            self._images[start : start + step] = torch.from_numpy(part)

    def __call__(
        self,
        images: NDArray[np.uint8],
        rows: NDArray[np.int64],
        moves: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]],
        table: NDArray[np.float32],
        pad_value: int,
    ) -> torch.Tensor:
        """Return a batch, as :class:`convwise.data.batches.Placed` says."""
        _, height, width, channels = self._images.shape
        down, right, mirrored = (self._here(each) for each in moves)
        y = torch.arange(height, device=self._images.device) - down[:, None]
        x = torch.arange(width, device=self._images.device) - right[:, None]
        seen = _within(y, height)[:, :, None] & _within(x, width)[:, None, :]
        x = torch.where(mirrored[:, None], width - 1 - x, x)
        y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
        levels = self._images[self._here(rows)[:, None, None], y[:, :, None], x[:, None, :]]
        levels = torch.where(seen[..., None], levels, pad_value).long()
        values = self._here(table)[torch.arange(channels, device=levels.device), levels]
        return values.permute(0, 3, 1, 2)

    def _here(self, values: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._images.device)


def _within(places: torch.Tensor, size: int) -> torch.Tensor:
    return (places >= 0) & (places < size)
