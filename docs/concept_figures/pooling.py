"""Figures and tables of the page on pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from concept_figures.drawing import arrow, joined, picture, table, text
from concept_figures.maps import cells, nothing, outline
from concept_figures.sliding import Map, average_pool, convolve, max_pool, windows
from convwise.data.arrays import ArraySamples
from convwise.data.catalogue import FASHION_MINI, read_named
from convwise.design.layer import show
from convwise.design.plan import plan

EVERY = 10
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 16


def regions_figure() -> str:
    """A map with an edge and a speck, by its largest values and by its means."""
    example = example_map()
    parts = [
        text("map", 24, 32, "title"),
        cells(example, 24, 48, 28, most=9),
        outline(25, 49, 2, 2, 27),
        outline(24 + 6 * 28 + 1, 48 + 4 * 28 + 1, 2, 2, 27, "second"),
        arrow(264, 160, 40),
    ]
    for index, (words, pool) in enumerate({"max": max_pool, "average": average_pool}.items()):
        x, y, side = 330 + index * 176, 72, 38
        pooled = pool(example)
        edge = pooled[:, 1:3].max(axis=1)
        ends = sorted({float(edge.min()), float(edge.max())})
        parts += [
            text(f"{words} of 2×2", x, 56, "title"),
            cells(pooled, x, y, side, most=9),
            outline(x + 1, y + 1, 1, 1, side - 2),
            outline(x + 3 * side + 1, y + 2 * side + 1, 1, 1, side - 2, "second"),
            text(f"speck of 7: {pooled[2, 3]:g}", x, 246, "soft"),
            text(f"edge of 9: {' to '.join(f'{value:g}' for value in ends)}", x, 264, "soft"),
        ]
    return picture(
        "pooling-regions",
        "Maximum and average of each 2×2 region",
        "An edge of 9 beside 1 stays 9 under the maximum; the average mixes it with its region.",
        (680, 290),
        joined(*parts),
    )


def shift_figure() -> str:
    """A spot that moves by one pixel at a time, before and after pooling."""
    parts = [
        text("map", 24, 32, "title"),
        text("max of 2×2", 360, 32, "title"),
        text("average of 2×2", 520, 32, "title"),
    ]
    told = []
    before = max_pool(spot(2))
    for index, column in enumerate((2, 3, 4)):
        y = 48 + index * 112
        image, pooled = spot(column), max_pool(spot(column))
        same = "the same" if np.array_equal(pooled, before) else "moved by one place"
        words = f"spot in column {column + 1}"
        parts += [
            cells(image, 24, y, 24, most=9, say=nothing),
            text(words, 226, y + 52, "soft"),
            cells(pooled, 360, y + 12, 30, most=9),
            cells(average_pool(image), 520, y + 12, 30, most=9),
            *(outline(24 + c * 48, y + r * 48, 2, 2, 24) for r, c in ((0, column // 2),)),
        ]
        if index:
            parts.append(text(same, 360, y + 88, "soft"))
        told.append(f"{words}: {pooled.tolist()}")
    return picture(
        "pooling-shift",
        "A spot that moves, before and after pooling",
        f"Maximum of each region. {'; '.join(told)}.",
        (680, 386),
        joined(*parts),
    )


def shift_table() -> str:
    """How much maps of real pictures change when the picture moves."""
    rows: list[list[object]] = []
    for words, shrink in SHRINKING.items():
        changes = [mean_change(shrink, pixels) for pixels in (1, 2)]
        rows.append([words, *(f"{change:.0%}" for change in changes)])
    return table(["the map is shrunk by", "moved by 1 pixel", "moved by 2 pixels"], rows)


def savings_table() -> str:
    """What pooling between two convolutions saves."""
    rows: list[list[object]] = []
    for words in ("", "maxpool 2 | ", "maxpool 3 2 | ", "maxpool 4 | "):
        resolved = plan(
            f"conv 32 3 same relu | {words}conv 64 3 same relu | flatten | dense classes",
            "28x28x1",
            10,
        )
        last, dense = resolved.rows[-3], resolved.rows[-1]
        assert last.receptive_field is not None
        name = f"`{words[:-3]}`" if words else "nothing"
        pooled = show(last.input_shape)
        rows.append([name, pooled, last.flops, dense.params, last.receptive_field[0]])
    head = ["between", "map that conv2 gets", "FLOPs of conv2", "weights of the dense layer"]
    return table([*head, "conv2 sees (pixels)"], rows, left=2)


def example_map() -> Map:
    """Return an 8×8 map: 9 from an edge that slants to the right, 1 to its left, and a speck."""
    rows, columns = np.mgrid[:8, :8]
    example = np.where(columns >= 3 + rows // 3, 0.0, 1.0)
    example[columns == 3 + rows // 3] = 9
    example[5, 7] = 7
    return example


def spot(column: int) -> Map:
    """Return a 4×8 map with a spot of two values in one column."""
    image = np.zeros((4, 8))
    image[0:2, column] = 9, 6
    return image


def mean_change(shrink: Callable[[Map], Map], pixels: int) -> float:
    """Return how far the shrunk edge maps of moved pictures lie from the unmoved, on average.

    For each picture: the length of the difference ÷ the length of the unmoved map.
    """
    changes = []
    for image in pictures():
        still, moved = (
            shrink(np.abs(convolve(np.roll(image, shift, axis=1), SOBEL, padding="same")))
            for shift in (0, pixels)
        )
        changes.append(np.linalg.norm(still - moved) / np.linalg.norm(still))
    return float(np.mean(changes))


def pictures() -> Iterator[Map]:
    """Yield every tenth test image of fashion-mini, 0…1, with 4 pixels of black around."""
    listing = read_named(FASHION_MINI)
    assert isinstance(listing.samples, ArraySamples)
    for image in listing.samples.images[len(listing.parts["train"]) :: EVERY]:
        yield np.pad(image.reshape(28, 28) / 255, 4)


def _every_second(values: Map) -> Map:
    return values[::2, ::2]


def _blurred(values: Map) -> Map:
    largest = windows(values, 2, padding="same").max(axis=(2, 3))
    weights = convolve(np.ones_like(largest), BLUR, 2, "same")
    return convolve(largest, BLUR, 2, "same") / weights


SHRINKING: dict[str, Callable[[Map], Map]] = {
    "nothing": lambda values: values,
    "every second value": _every_second,
    "`maxpool 2`": max_pool,
    "`avgpool 2`": average_pool,
    "`maxpool 2 1 same`, then `blurpool 3 2`": _blurred,
    "`maxpool 4`": lambda values: max_pool(values, 4),
    "`global_maxpool`": lambda values: values.max(keepdims=True),
}

FIGURES = {
    "pooling-regions.svg": regions_figure,
    "pooling-shift.svg": shift_figure,
}
TABLES = {"pooling-shift": shift_table, "pooling-savings": savings_table}
