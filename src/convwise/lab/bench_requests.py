"""The requests of the convolution bench."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field, field_validator
from starlette.concurrency import run_in_threadpool

from convwise.design.banks import BANKS
from convwise.design.window import Window
from convwise.errors import DesignError
from convwise.lab import samples
from convwise.lab.bench import Map, Pool, convolved, pooled
from convwise.lab.learned import Values, first_filters
from convwise.lab.page import TheLab

router = APIRouter()

_LARGEST_KERNEL = 11
# Of the image, in pixels: more could not be told apart, fewer leave nothing to slide over.
SIDES = (6, 64)
_OWN = {
    "identity, changes nothing": [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]],
    "mean, blurs": [[0.1111] * 3] * 3,
}


def sample_names() -> tuple[str, ...]:
    """Return the names of the samples."""
    return samples.names()


def kernel_choices() -> dict[str, list[list[float]]]:
    """Return the hand-picked kernels by name."""
    banks = {
        each.name: [[round(value, 5) for value in line] for line in each.values]
        for each in BANKS["classic"]
    }
    return {**banks, **_OWN}


class Asked(BaseModel):
    """What the bench is set to.

    Args:
        picture: id of one that was given, or None for a sample.
        sample: name of a sample.
        side: pixels of the longer side that the picture is brought to.
        kernel: its rows.
        stride: of the convolution.
        padding: of the convolution.
        dilation: of the convolution.
        relu: whether negative values become 0 before pooling.
        pool: ``none``, ``max`` or ``average``.
        pool_size: of the regions.
        pool_stride: from one region to the next; None for ``pool_size``.
    """

    picture: str | None = Field(None, max_length=64)
    sample: str = Field("boot", max_length=64)
    side: int = Field(28, ge=SIDES[0], le=SIDES[1])
    kernel: list[list[float]] = Field(min_length=1, max_length=_LARGEST_KERNEL)
    stride: int = Field(1, ge=1, le=16)
    padding: Literal["same", "valid"] = "same"
    dilation: int = Field(1, ge=1, le=16)
    relu: bool = False
    pool: Pool = "none"
    pool_size: int = Field(2, ge=1, le=16)
    pool_stride: int | None = Field(None, ge=1, le=16)

    @field_validator("kernel")
    @classmethod
    def _rectangular(cls, kernel: list[list[float]]) -> list[list[float]]:
        widths = {len(line) for line in kernel}
        if len(widths) != 1 or not 1 <= min(widths) <= _LARGEST_KERNEL:
            raise ValueError("all rows need as many numbers, 1 to 11")
        # 0·∞ is no number, and of huge ones a sum is none.
        if not all(abs(value) <= 1e6 for line in kernel for value in line):
            raise ValueError("use numbers from -1,000,000 to 1,000,000")
        return kernel


@router.post("/map")
def slid(asked: Asked, lab: TheLab) -> dict[str, Any]:
    """Return the image, the map that the kernel leaves, and the pooled map.

    Where a window does not fit, its arithmetic is the answer (``problem``).

    Raises:
        UnknownIdError: the picture is not held any more.
    """
    source = lab.uploads.pixels(asked.picture) if asked.picture else samples.sample(asked.sample)
    image = _grey(source, asked.side)
    try:
        return _maps(image, asked)
    except DesignError as error:
        return {"problem": str(error)}


def _maps(image: Map, asked: Asked) -> dict[str, Any]:
    size = (len(asked.kernel), len(asked.kernel[0]))
    window = Window(size, (asked.stride,) * 2, asked.padding, (asked.dilation,) * 2)
    conv = convolved(image, np.array(asked.kernel), window)
    answer: dict[str, Any] = {
        "image": {"shape": image.shape, "values": [round(float(v), 4) for v in image.ravel()]},
        "conv": conv.to_json(),
        "pool": None,
    }
    if asked.pool != "none":
        before = np.maximum(conv.values, 0) if asked.relu else conv.values
        regions = Window((asked.pool_size,) * 2, (asked.pool_stride or asked.pool_size,) * 2)
        answer["pool"] = pooled(before, regions, asked.pool).to_json()
    return answer


@router.post("/picture")
async def give(request: Request, lab: TheLab) -> dict[str, str]:
    """Take a picture's file and return its id.

    Raises:
        DecodeError: it is no picture that can be read.
    """
    content = await request.body()
    return {"id": await run_in_threadpool(lab.uploads.add, content)}


@router.get("/learned/{run}")
def learned(run: str, lab: TheLab) -> dict[str, list[Values]]:
    """Return the kernels of a run's first convolution.

    Raises:
        UnknownIdError: there is no such run.
        ModelFileError: its model cannot be read.
    """
    return {"kernels": first_filters(lab.places.run(run))}


def _grey(pixels: NDArray[np.uint8], side: int) -> Map:
    """Return (height, width) in 0…1, its longer side as asked."""
    image = Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels).convert("L")
    shrink = side / max(image.size)
    size = (max(round(image.width * shrink), 1), max(round(image.height * shrink), 1))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float64) / 255
