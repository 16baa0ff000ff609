"""Figures and tables of the page on dense layers: growth, shifts and shuffled pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from concept_figures.charts import Series, lines
from concept_figures.drawing import arrow, joined, picture, table, text
from concept_figures.maps import cells, nothing, outline
from concept_figures.sliding import convolve
from convwise.design.plan import plan

SIDES = (28, 32, 64, 96, 128, 160, 192, 224)
NETWORKS = {
    "dense": "flatten | dense 128 relu | dense classes",
    "CNN with flatten": "conv 32 3 relu | maxpool 2 | conv 64 3 relu | maxpool 2"
    " | flatten | dense classes",
    "CNN with global pooling": "conv 32 3 relu | maxpool 2 | conv 64 3 relu | maxpool 2"
    " | global_avgpool | dense classes",
}
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=float)


def growth_figure() -> str:
    """Weights of three networks as the image grows, on a logarithmic scale."""
    styles = ("second", "third", "first")
    series = [
        Series(name, style, [math.log10(_params(words, side)) for side in SIDES])
        for (name, words), style in zip(NETWORKS.items(), styles, strict=True)
    ]
    chart = lines(
        SIDES,
        series,
        ("Side of a square colour image (pixels)", (28, 64, 96, 128, 160, 192, 224), "{:g}".format),
        ("Weights (each line is ten times the one below)", range(4, 9), _power),
    )
    told = "; ".join(
        f"{name}: {_params(words, SIDES[0]):,} to {_params(words, SIDES[-1]):,}"
        for name, words in NETWORKS.items()
    )
    return picture(
        "dense-growth",
        "Weights against image size",
        f"Weights of networks from 28 to 224 pixels. {told}.",
        (680, 320),
        chart,
    )


def growth_table() -> str:
    """Weights and work of the three networks at some sizes."""
    rows: list[list[object]] = []
    for side in (28, 32, 64, 128, 224):
        image = (side, side, 3)
        dense, flat, pooled = (plan(words, image, 10) for words in NETWORKS.values())
        rows.append(
            [
                f"{side}×{side}×3",
                dense.total_params,
                flat.total_params,
                pooled.total_params,
                dense.total_flops,
                pooled.total_flops,
            ]
        )
    head = ["image", *(f"weights, {name}" for name in NETWORKS), "FLOPs, dense"]
    return table([*head, "FLOPs, CNN with global pooling"], rows)


def shift_figure() -> str:
    """One cross at three places: a dense unit's answer, and a convolution's map."""
    parts = [
        text("image", 24, 32, "title"),
        text("dense unit", 280, 32, "title"),
        text("3×3 convolution", 470, 32, "title"),
    ]
    told = []
    weights = scene(0)
    for index, moved in enumerate((0, 1, 3)):
        y = 48 + index * 176
        image = scene(moved)
        answer = float((weights * image).sum())
        found = convolve(image, CROSS)
        row, place = np.unravel_index(int(found.argmax()), found.shape)
        parts += [
            cells(image, 24, y, 18, say=nothing),
            text("the unit's weights" if moved == 0 else f"moved by {moved}", 24, y + 162, "soft"),
            arrow(196, y + 72, 50),
            cells(np.array([[answer]]), 290, y + 50, 44, most=float(CROSS.sum())),
            cells(found, 470, y, 22),
            outline(470 + int(place) * 22, y + int(row) * 22, 1, 1, 22),
            text(f"largest value {found.max():g}", 470, y + 150, "soft"),
        ]
        told.append(f"moved by {moved}: {answer:g}, and at most {found.max():g}")
    return picture(
        "dense-shift",
        "A cross that moves, seen by a dense unit and by a convolution",
        "The dense unit's weights are the first image, the convolution's the cross alone. "
        f"What they answer, {'; '.join(told)}. The convolution's largest value moves along.",
        (680, 576),
        joined(*parts),
    )


def shuffle_figure() -> str:
    """A shape, and the same pixels in another order."""
    image = ring()
    order = np.random.default_rng(0).permutation(image.size)
    shuffled = image.ravel()[order].reshape(image.shape)
    return picture(
        "dense-shuffle",
        "A ring, and its pixels in another order",
        f"In the ring {alike(image):.0%} of neighbouring pixels are equal, "
        f"in its shuffled pixels {alike(shuffled):.0%}.",
        (680, 258),
        text("as it is", 40, 30, "title"),
        cells(image, 40, 44, 14, say=nothing),
        text(f"{alike(image):.0%} of neighbours are equal", 40, 232, "soft"),
        text("the same pixels in a fixed other order", 360, 30, "title"),
        cells(shuffled, 360, 44, 14, say=nothing),
        text(f"{alike(shuffled):.0%} of neighbours are equal", 360, 232, "soft"),
        arrow(256, 128, 60),
    )


def scene(moved: int) -> NDArray[np.float64]:
    """Return an 8×8 image of a cross, moved so many pixels to the right."""
    image = np.zeros((8, 8))
    image[2:5, 1 + moved : 4 + moved] = CROSS
    return image


def ring() -> NDArray[np.float64]:
    """Return a 12×12 image of a ring."""
    rows, columns = np.mgrid[:12, :12] - 5.5
    distance = np.hypot(rows, columns)
    return ((distance > 2.4) & (distance < 5)).astype(float)


def alike(image: NDArray[np.float64]) -> float:
    """Return the share of pixels next to each other, across and down, that are equal."""
    pairs = [image[1:] == image[:-1], image[:, 1:] == image[:, :-1]]
    return float(np.concatenate([pair.ravel() for pair in pairs]).mean())


def _params(words: str, side: int) -> int:
    return plan(words, (side, side, 3), 10).total_params


def _power(value: float) -> str:
    return {4: "10 thousand", 5: "100 thousand", 6: "1 million", 7: "10 million"}.get(
        int(value), "100 million"
    )


FIGURES = {
    "dense-growth.svg": growth_figure,
    "dense-shift.svg": shift_figure,
    "dense-shuffle.svg": shuffle_figure,
}
TABLES = {"dense-growth": growth_table}
