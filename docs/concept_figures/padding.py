"""Figures and tables of the page on padding."""

from __future__ import annotations

from typing import get_args

import numpy as np

from concept_figures.drawing import joined, picture, table, text
from concept_figures.maps import Map, cells, nothing, outline
from concept_figures.sliding import times_read
from convwise.design.border import border_coverage_map
from convwise.design.plan import plan
from convwise.geometry import Padding, same_padding

PADDINGS: tuple[Padding, ...] = get_args(Padding)[::-1]
KERNEL, LAYERS = 3, 3


def coverage_figure() -> str:
    """In how many windows each pixel takes part, behind three 3×3 layers."""
    parts, told = [], []
    for index, padding in enumerate(PADDINGS):
        x, y, side = 24 + index * 330, 76, 24
        shares = coverage(padding)
        size = len(shares)
        left = size - (KERNEL - 1) * LAYERS if padding == "valid" else size
        parts += [
            text(f'padding="{padding}"', x, 32, "title"),
            text(f"{size}×{size} image, {left}×{left} map behind {LAYERS} layers", x, 52, "soft"),
            cells(shares, x, y, side, most=1, say=nothing),
        ]
        corner, edge = shares[0, 0], shares[0, size // 2]
        words = f"corner {_share(corner)}, middle of an edge {_share(edge)}, centre 1"
        parts.append(text(words, x, y + size * side + 22, "soft"))
        told.append(f"{padding}: {words}")
    return picture(
        "padding-coverage",
        "How often each pixel takes part in a window",
        f"Windows of each pixel, divided by those of the centre. {'; '.join(told)}.",
        (680, 404),
        joined(*parts),
    )


def zeros_figure() -> str:
    """Where "same" puts its zeros: around a map at stride 1, after it at stride 2."""
    parts, told = [], []
    cases = ((5, 1), (6, 1), (6, 2))
    x = 24.0
    for size, stride in cases:
        before, after = same_padding(size, KERNEL, stride)
        whole, side, y = size + before + after, 24, 76
        inside = np.zeros((whole, whole))
        inside[before : before + size, before : before + size] = 1
        outputs = -(-size // stride)
        parts += [
            text(f"{size}×{size} map, stride {stride}", x, 32, "title"),
            text(f"gives {outputs}×{outputs}", x, 52, "soft"),
            cells(inside, x, y, side, most=1, say=_zero),
            outline(x + 1, y + 1, KERNEL, KERNEL, side - 0.5),
            text(f"{before} before, {after} after", x, y + whole * side + 22, "soft"),
        ]
        told.append(f"{size}×{size} at stride {stride}: {before} before and {after} after")
        x += whole * side + 46
    return picture(
        "padding-zeros",
        'Zeros that padding="same" adds for a 3×3 window',
        f"Zeros on each axis. {'; '.join(told)}.",
        (680, 310),
        joined(*parts),
    )


def border_table() -> str:
    """Corner ÷ centre and the size of the map, by depth."""
    rows: list[list[object]] = []
    for depth in (1, 2, 3, 5, 8, 13):
        cells_: list[object] = [str(depth)]
        for padding in PADDINGS:
            row = plan(_stack(depth, padding), "28x28x1", 10).rows[depth - 1]
            assert row.border_coverage is not None
            cells_ += ["×".join(map(str, row.output_shape[:2])), _share(row.border_coverage)]
        rows.append(cells_)
    head = ["3×3 layers"]
    for padding in PADDINGS:
        head += [f"map, {padding}", f"corner ÷ centre, {padding}"]
    return table(head, rows)


def zeros_table() -> str:
    """Which share of all that the windows read is a zero of the padding."""
    rows: list[list[object]] = []
    for size in (56, 28, 14, 7, 3):
        shares = [zero_share(size, kernel) for kernel in (3, 5, 7)]
        rows.append([f"{size}×{size}", *(f"{share:.1%}" for share in shares)])
    return table(["map", "3×3 window", "5×5 window", "7×7 window"], rows)


def coverage(padding: Padding) -> Map:
    """Return each pixel's windows ÷ the most of any pixel's, behind three layers on 12×12."""
    return border_coverage_map(plan(_stack(LAYERS, padding), "12x12x1", 10))


def zero_share(size: int, kernel: int) -> float:
    """Return zeros of the padding ÷ values, over all windows of stride 1 on a square map."""
    real = times_read(size, kernel, 1, "same").sum()
    return 1 - float(real) / (size * kernel) ** 2


def _stack(depth: int, padding: Padding) -> str:
    return f"repeat {depth} (conv 8 3 {padding}) | global_avgpool | dense classes"


def _share(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else "<0.01"


def _zero(value: float) -> str:
    return "" if value else "0"


FIGURES = {
    "padding-coverage.svg": coverage_figure,
    "padding-zeros.svg": zeros_figure,
}
TABLES = {"padding-border": border_table, "padding-zeros": zeros_table}
