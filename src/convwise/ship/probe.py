"""Picture files of every kind that convwise reads, to try an exported model on.

An evaluation set may hold one kind of file only. These hold what preprocessing goes wrong on: six
formats, colours and greys, transparency, a palette, EXIF orientations, sizes above and below the
model's, tall and wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from convwise.data.catalogue import FASHION_MINI, read_named
from convwise.image import ImageFormat

SOURCES = 6
_SCALES = ((1.0, 1.0), (1.7, 1.3), (0.6, 0.8), (2.4, 1.1), (1.0, 1.5))
_LARGEST = 1_024


def write_probes(folder: Path, image_format: ImageFormat) -> list[Path]:
    """Write the files into a folder, in a size that fits the model, and return their paths."""
    paths = []
    for number, picture in enumerate(_pictures(image_format)):
        for name, image, options in _variants(picture, number):
            path = folder / f"{number:02}-{name}"
            image.save(path, **options)
            paths.append(path)
    return paths


def _pictures(image_format: ImageFormat) -> Iterator[Image.Image]:
    """Give colour pictures: three photographs, one in each channel."""
    samples = read_named(FASHION_MINI).samples
    grey = samples.decode(ImageFormat(28, 28, 1)).images[: 3 * SOURCES]
    for number, channels in enumerate(grey.reshape(SOURCES, 3, 28, 28)):
        across, down = _SCALES[number % len(_SCALES)]
        size = (
            min(max(1, round(image_format.width * across)), _LARGEST),
            min(max(1, round(image_format.height * down)), _LARGEST),
        )
        colour = Image.fromarray(np.ascontiguousarray(channels.transpose(1, 2, 0)))
        yield colour.resize(size, Image.Resampling.BICUBIC)


def _variants(
    picture: Image.Image, number: int
) -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
    turned = Image.Exif()
    turned[0x0112] = 1 + number % 8
    half = Image.linear_gradient("L").resize(picture.size)
    transparent = picture.copy()
    transparent.putalpha(half)
    yield "plain.png", picture, {}
    yield "grey.png", picture.convert("L"), {}
    yield "transparent.png", transparent, {}
    yield "turned.jpg", picture, {"quality": 90, "exif": turned}
    yield "grey.jpg", picture.convert("L"), {"quality": 90}
    yield "transparent.webp", transparent, {"lossless": True}
    yield "plain.bmp", picture, {}
    yield "palette.gif", picture.quantize(64), {}
    yield "turned.tiff", picture, {"exif": turned}
