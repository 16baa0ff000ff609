"""Turn, scale and crop pictures: one affine map each, with bilinear interpolation."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

Maps = NDArray[np.float32]


def affine_maps(
    size: tuple[int, int],
    degrees: NDArray[np.float64],
    factors: NDArray[np.float64],
    sides: NDArray[np.float64],
    places: NDArray[np.float64],
) -> Maps:
    """Return for each picture where in it each pixel of the result is taken from.

    Coordinates are pixels from the middle of the picture, x to the right and y down.

    Args:
        size: (height, width).
        degrees: (batch,), turned counter-clockwise.
        factors: (batch,), enlarged by so much; below 1 it becomes smaller.
        sides: (batch,), share of each side that a crop keeps, above 0 and up to 1.
        places: (batch, 2), where the crop is down and across: 0 is one end, 1 the other.

    Returns:
        float32, (batch, 2, 3): x and y there as weighted sums of x, y and 1 here.

    Example:
        >>> one = np.ones(1)
        >>> affine_maps((8, 8), 0 * one, 2 * one, one, np.array([[0.5, 0.5]])).tolist()
        [[[0.5, -0.0, 0.0], [0.0, 0.5, 0.0]]]
    """
    height, width = size
    steps = sides / factors
    turned = np.radians(degrees)
    cosine, sine = steps * np.cos(turned), steps * np.sin(turned)
    free = 1.0 - sides
    across = (places[:, 1] - 0.5) * free * width
    down = (places[:, 0] - 0.5) * free * height
    # What is seen here comes from a place that was turned back, and y points down.
    rows = np.array([[cosine, -sine, across], [sine, cosine, down]])
    return np.moveaxis(rows, 2, 0).astype(np.float32)


def warp(pixels: NDArray[np.uint8], maps: Maps, *, pad_value: int) -> NDArray[np.uint8]:
    """Return each picture as its map sees it; beyond its border lies the fill.

    Args:
        pixels: uint8, (batch, height, width, channels).
        maps: what :func:`affine_maps` returns.
        pad_value: grey level 0…255 that lies around a picture.

    Returns:
        uint8, of the same shape, rounded to the nearest level.
    """
    height, width = pixels.shape[1:3]
    x = (np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2))[None, None, :]
    y = (np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2))[None, :, None]
    coefficients = maps[:, :, :, None, None]
    # Written out: a matrix product may round otherwise when the batch has another size.
    there = [
        (coefficients[:, axis, 0] * x + coefficients[:, axis, 1] * y) + coefficients[:, axis, 2]
        for axis in (0, 1)
    ]
    grid = np.stack([there[0] * np.float32(2 / width), there[1] * np.float32(2 / height)], axis=-1)
    # grid_sample finds zeros beyond the border; so the fill has to be the zero.
    levels = torch.from_numpy(pixels.astype(np.float32) - np.float32(pad_value))
    sampled = F.grid_sample(
        levels.permute(0, 3, 1, 2),
        torch.from_numpy(grid),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    found = sampled.permute(0, 2, 3, 1).add_(float(pad_value)).round_().clamp_(0, 255)
    return np.ascontiguousarray(found.to(torch.uint8).numpy())
