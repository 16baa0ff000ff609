"""Where the places of a map lie on the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convwise.design.plan import Row
from convwise.geometry import ReceptiveField


def on_image(values: NDArray[np.floating], row: Row, image: tuple[int, int]) -> NDArray[np.float64]:
    """Lay a map on the image: each place on the middle of what it sees, straight lines between.

    Beyond the outermost places the map goes on as it ends.

    Args:
        values: (rows, columns), one value for each place of the row's map.
        row: whose map it is.
        image: (height, width) in pixels.

    Returns:
        float64, (height, width).
    """
    down, along = row.field or (None, None)
    rows = _shares(values.shape[0], down, image[0])
    columns = _shares(values.shape[1], along, image[1])
    laid: NDArray[np.float64] = rows @ values @ columns.T
    return laid


def _shares(places: int, field: ReceptiveField | None, pixels: int) -> NDArray[np.float64]:
    """Return the share that each place has in each pixel of one axis, (pixels, places)."""
    middles: NDArray[np.floating]
    if field is None:
        middles = (np.arange(places) + 0.5) * pixels / places - 0.5
    else:
        middles = field.centre + field.stride * np.arange(places)
    wanted = np.arange(pixels)
    return np.stack([np.interp(wanted, middles, one) for one in np.eye(places)], axis=1)
