"""Figures and tables of the page on feature extractor and classifier."""

from __future__ import annotations

from markupsafe import Markup

from concept_figures.charts import split_bar
from concept_figures.drawing import joined, picture, table, text
from convwise.design import zoo
from convwise.design.layer import show
from convwise.design.plan import Plan, Row, plan
from convwise.report.charts.svg import element

NETWORKS = ("lenet", "keras-convnet", "alexnet", "vgg16", "resnet18", "mobilenetv2")


def split(resolved: Plan) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows that still leave a map of places, and those behind them."""
    maps = tuple(row for row in resolved.rows if row.receptive_field is not None)
    return maps, resolved.rows[len(maps) :]


def shares_table() -> str:
    """Weights and work on either side of the last map."""
    rows: list[list[object]] = []
    for name, resolved in _plans():
        parts = split(resolved)
        params, flops = (_sums(parts, what) for what in ("params", "flops"))
        last = parts[0][-1].output_shape
        rows.append([f"`{name}`", resolved.classes, show(last)])
        for sums in (params, flops):
            rows[-1] += [*sums, _share(sums)]
    head = ["network", "classes", "last map"]
    for what in ("weights", "FLOPs"):
        head += [f"{what}, extractor", f"{what}, classifier", "extractor's share"]
    return table(head, rows, left=1)


def shares_figure() -> str:
    """Bars of weights and of work, parted into extractor and classifier."""
    parts = [
        text("weights", 150, 56, "title"),
        text("FLOPs", 430, 56, "title"),
        element("rect", class_="heat", x=150, y=18, width=14, height=14),
        text("feature extractor", 170, 30),
        element("rect", class_="warm", x=300, y=18, width=14, height=14),
        text("classifier", 320, 30),
    ]
    told = []
    for index, (name, resolved) in enumerate(_plans()):
        y = 70 + index * 34
        parts.append(text(name, 140, y + 13, "end"))
        shares = [_first(_sums(split(resolved), what)) for what in ("params", "flops")]
        for share, x in zip(shares, (150, 430), strict=True):
            parts.append(split_bar(share, x, y, 190))
            words = "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"
            parts.append(text(words, x + 198, y + 13))
        told.append(f"{name} {shares[0]:.0%} of the weights and {shares[1]:.0%} of the FLOPs")
    return picture(
        "classifier-shares",
        "The extractor's share of weights and of work",
        f"In the feature extractor lie: {'; '.join(told)}.",
        (680, 70 + len(told) * 34 + 8),
        joined(*parts),
    )


def pipeline_figure() -> str:
    """LeNet-5 as its maps, drawn to scale, from image to classes."""
    resolved = plan("lenet", "28x28x1", 10)
    maps, rest = split(resolved)
    stages: list[tuple[str, tuple[int, ...]]] = [("image", resolved.image)]
    stages += [(row.name, row.output_shape) for row in (*maps, *rest)]
    parts: list[Markup] = []
    x, middle = 24.0, 130.0
    edge = 0.0
    for name, shape in stages:
        width = _stage(parts, shape, x, middle)
        parts.append(text(name, x, 222, "soft"))
        parts.append(text(show(shape), x, 238, "soft"))
        if name == maps[-1].name:
            edge = x + width + 14
        x += max(width, 50) + (44 if name == maps[-1].name else 22)
    parts += [
        element("line", class_="grid", x1=edge + 8, x2=edge + 8, y1=20, y2=246, stroke_width=2),
        text("feature extractor", edge - 4, 34, "name first end"),
        text("classifier", edge + 20, 34, "name second"),
    ]
    return picture(
        "classifier-pipeline",
        "LeNet-5 from image to classes",
        "Maps that shrink and multiply: " + ", ".join(f"{n} {show(s)}" for n, s in stages) + ".",
        (x + 4, 256),
        joined(*parts),
    )


def _stage(parts: list[Markup], shape: tuple[int, ...], x: float, middle: float) -> float:
    """Draw one map as a pile of sheets, or a vector as a column; return the width."""
    if len(shape) == 1:
        height = max(shape[0] * 0.36, 8)
        box = {"x": x, "y": middle - height / 2, "width": 12, "height": height}
        parts.append(element("rect", class_="warm", **box))
        return 12
    rows, columns, channels = shape
    sheets, side, step = min(channels, 16), 2.6, 2.4
    top = middle - (rows * side + (sheets - 1) * step) / 2
    for sheet in range(sheets):
        box = {"x": x + sheet * step, "y": top + sheet * step}
        box |= {"width": columns * side, "height": rows * side}
        parts.append(element("rect", class_="heat", **box))
        parts.append(element("rect", class_="cell", **box))
    return columns * side + (sheets - 1) * step


def _plans() -> list[tuple[str, Plan]]:
    entries = [zoo.entry(name) for name in NETWORKS]
    return [(entry.name, plan(entry.network, entry.image, entry.classes)) for entry in entries]


def _sums(parts: tuple[tuple[Row, ...], ...], what: str) -> tuple[int, ...]:
    return tuple(sum(getattr(row, what) for row in part) for part in parts)


def _share(sums: tuple[int, ...]) -> str:
    return "over 99.9%" if 0.999 < _first(sums) < 1 else f"{_first(sums):.1%}"


def _first(sums: tuple[int, ...]) -> float:
    return sums[0] / sum(sums)


FIGURES = {
    "classifier-pipeline.svg": pipeline_figure,
    "classifier-shares.svg": shares_figure,
}
TABLES = {"classifier-shares": shares_table}
