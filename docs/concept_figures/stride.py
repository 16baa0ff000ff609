"""Figures and tables of the page on stride."""

from __future__ import annotations

import numpy as np

from concept_figures.drawing import arrow, joined, picture, table, text
from concept_figures.maps import cells, crosses, nothing, outline
from concept_figures.sliding import Map, times_read
from convwise.design.layer import show
from convwise.design.plan import plan
from convwise.geometry import Padding, output_size

SIZE, KERNEL = 7, 3


def windows_figure() -> str:
    """A 3×3 window at strides 1, 2 and 3 on a 7×7 map: how often each value is read."""
    parts, told = [], []
    for index, stride in enumerate((1, 2, 3)):
        x, y, side = 24 + index * 220, 76, 26
        read = times_read(SIZE, KERNEL, stride)
        places = output_size(SIZE, KERNEL, stride)
        missed = [(int(r), int(c)) for r, c in np.argwhere(read == 0)]
        parts += [
            text(f"stride {stride}", x, 32, "title"),
            text(f"{places}×{places} windows", x, 52, "soft"),
            cells(read, x, y, side, most=9, say=_times),
            crosses(missed, x, y, side),
            outline(x + 1, y + 1, KERNEL, KERNEL, side - 0.5),
            outline(x + stride * side, y + 3, KERNEL, KERNEL, side - 1.5, "second"),
            text(_missed(len(missed)), x, y + SIZE * side + 22, "soft"),
        ]
        told.append(f"stride {stride}: {places}×{places} windows, {len(missed)} values never read")
    return picture(
        "stride-windows",
        "A 3×3 window on a 7×7 map",
        f"Each cell tells in how many windows it takes part. {'; '.join(told)}.",
        (680, 294),
        joined(*parts),
    )


def stripes_figure() -> str:
    """Stripes of one pixel, read at every second place, from the first and from the second."""
    stripes = np.tile([0.0, 1.0], (4, 4))
    parts = [text("stripes, 1 pixel wide", 24, 32, "title"), text("stride 2", 420, 32, "title")]
    for index, shift in enumerate((0, 1)):
        y = 48 + index * 132
        image = np.roll(stripes, shift, axis=1)
        words = "as they are" if shift == 0 else "moved by one pixel"
        kept = [(row, column) for row in range(0, 4, 2) for column in range(0, 8, 2)]
        parts += [
            cells(image, 24, y, 26, most=1, say=nothing),
            *(outline(24 + c * 26 + 3, y + r * 26 + 3, 1, 1, 20, "second") for r, c in kept),
            arrow(260, y + 52, 120),
            cells(image[::2, ::2], 420, y + 26, 26, most=1),
            text(words, 24, y + 122, "soft"),
        ]
    return picture(
        "stride-stripes",
        "Stripes read at every second place",
        "Stripes one pixel wide become an even 0; moved by one pixel they become an even 1.",
        (680, 316),
        joined(*parts),
    )


def cost_table() -> str:
    """A strided layer, the layer behind it, and what both cost."""
    rows: list[list[object]] = []
    for stride in (1, 2, 3, 4):
        first, second, *_ = plan(
            f"conv 16 3 {stride} same relu | conv 32 3 same relu | global_avgpool | dense classes",
            "28x28x1",
            10,
        ).rows
        assert second.receptive_field is not None
        rows.append(
            [
                str(stride),
                show(first.output_shape),
                first.params,
                first.flops,
                second.flops,
                second.receptive_field[0],
            ]
        )
    head = ["stride of the first", "its output", "its weights", "its FLOPs"]
    return table([*head, "FLOPs of the next layer", "next layer sees (pixels)"], rows, left=2)


def read_table() -> str:
    """How much of a 28×28 map is read at all."""
    cases: list[tuple[int, int, Padding]] = [
        (3, 1, "valid"),
        (3, 2, "valid"),
        (3, 2, "same"),
        (3, 4, "same"),
        (2, 2, "valid"),
        (1, 2, "valid"),
    ]
    rows: list[list[object]] = []
    for kernel, stride, padding in cases:
        read = times_read(28, kernel, stride, padding)
        places = output_size(28, kernel, stride, padding)
        rows.append([f"{kernel}×{kernel}", str(stride), padding, f"{places}×{places}", _read(read)])
    return table(["window", "stride", "padding", "output", "values read at least once"], rows, 4)


def _read(read: Map) -> str:
    return f"{np.count_nonzero(read):,} of {read.size:,} ({np.count_nonzero(read) / read.size:.0%})"


def _times(value: float) -> str:
    return f"{value:g}" if value else ""


def _missed(count: int) -> str:
    return f"{count} values are never read" if count else "every value is read"


FIGURES = {
    "stride-windows.svg": windows_figure,
    "stride-stripes.svg": stripes_figure,
}
TABLES = {"stride-cost": cost_table, "stride-read": read_table}
