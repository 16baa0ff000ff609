"""Figures and tables of the page on stride versus pooling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from concept_figures.charts import Series, lines
from concept_figures.drawing import picture, table
from convwise.design import zoo
from convwise.design.convolution import Convolution
from convwise.design.layer import show
from convwise.design.plan import Row, plan
from convwise.design.pooling import Pooling

HALVINGS = {
    "pooling": "conv 64 3 same relu | maxpool 2",
    "stride": "conv 64 3 2 same relu",
    "convolution in pooling's place": "conv 64 3 same relu | conv 64 3 2 same relu",
    "pooling without aliasing": "conv 64 3 same relu | maxpool 2 1 same | blurpool 3 2",
}
GROWTH = {
    "pool after every second": ("repeat 4 (repeat 2 (conv 8 3 same) | maxpool 2)", "second"),
    "stride 2 in every second": ("repeat 4 (conv 8 3 same | conv 8 3 2 same)", "first"),
    "neither": ("repeat 8 (conv 8 3 same)", "third"),
}
NETWORKS = ("lenet", "alexnet", "vgg16", "resnet18", "resnet50", "mobilenetv2")
SIBLINGS = ("model-c", "strided-cnn-c", "convpool-cnn-c", "all-cnn-c")


def growth_figure() -> str:
    """Receptive field behind each convolution, without shrinking, with pooling, with stride."""
    series = [Series(name, style, fields(words)) for name, (words, style) in GROWTH.items()]
    depth = len(series[0].values)
    told = "; ".join(f"{one.name}: {one.values[-1]:g} pixels" for one in series)
    chart = lines(
        range(1, depth + 1),
        series,
        ("3×3 convolutions so far", range(1, depth + 1), "{:g}".format),
        ("Receptive field (pixels)", range(0, 81, 20), "{:g}".format),
    )
    return picture(
        "shrinking-growth",
        "Receptive field by depth",
        f"Behind {depth} convolutions: {told}.",
        (680, 320),
        chart,
    )


def halving_table() -> str:
    """Four ways from 28×28×32 to 14×14×64, with what they cost."""
    rows: list[list[object]] = []
    for name, words in HALVINGS.items():
        # A first layer makes the 32 channels; only what follows it is counted.
        _, *made = plan(
            f"conv 32 1 | {words} | global_avgpool | dense classes", "28x28x1", 10
        ).rows[:-2]
        assert made[-1].receptive_field is not None
        rows.append(
            [
                name,
                f"`{words.replace(' | ', '`, `')}`",
                show(made[-1].output_shape),
                *(sum(getattr(row, what) for row in made) for what in ("params", "flops")),
                sum(row.other_flops for row in made),
                made[-1].receptive_field[0],
            ]
        )
    head = ["way", "layers", "output", "weights", "FLOPs", "other FLOPs", "sees (pixels)"]
    return table(head, rows, left=3)


def networks_table() -> str:
    """Where known networks shrink their maps, and how."""
    rows: list[list[object]] = []
    for name in NETWORKS:
        entry = zoo.entry(name)
        shrinking = [
            row for row in plan(entry.network, entry.image, entry.classes).rows if _shrinks(row)
        ]
        ways = (Pooling, Convolution)
        found = [_windows(row for row in shrinking if isinstance(row.layer, way)) for way in ways]
        rows.append([f"`{name}`", *found])
    return table(["network", "pooling", "strided convolutions"], rows, left=3)


def siblings_table() -> str:
    """The four networks of Springenberg et al., for 32×32 colour images and 10 classes."""
    rows: list[list[object]] = []
    for name in SIBLINGS:
        resolved = plan(name, zoo.entry(name).image, 10)
        last = resolved.extractor[-1]
        assert last.receptive_field is not None
        convolutions = sum(isinstance(row.layer, Convolution) for row in resolved.rows)
        figures = [convolutions, resolved.total_params, resolved.total_flops]
        pooled = _windows(row for row in resolved.rows if isinstance(row.layer, Pooling))
        strided = _windows(
            row for row in resolved.rows if isinstance(row.layer, Convolution) and _shrinks(row)
        )
        rows.append([f"`{name}`", pooled, strided, *figures, last.receptive_field[0]])
    head = ["network", "pooling", "strided convolutions", "convolutions", "weights", "FLOPs"]
    return table([*head, "last map sees (pixels)"], rows, left=3)


def fields(words: str) -> list[int]:
    """Return the receptive field behind each convolution, in pixels."""
    rows = plan(f"{words} | global_avgpool | dense classes", "64x64x1", 10).rows
    found = [row.receptive_field for row in rows if isinstance(row.layer, Convolution)]
    return [field[0] for field in found if field is not None]


def _shrinks(row: Row) -> bool:
    window = row.layer.window()
    return window is not None and max(window.strides) > 1


def _windows(rows: Iterable[Row]) -> str:
    """Return the windows of rows, the equal ones counted: ``3 of 3×3, stride 2``."""
    counts: Counter[str] = Counter()
    for row in rows:
        if window := row.layer.window():
            counts[f"{show(window.kernel)}, stride {window.strides[0]}"] += 1
    return "; ".join(f"{count} of {words}" for words, count in counts.items()) or "–"


FIGURES = {"shrinking-growth.svg": growth_figure}
TABLES = {
    "shrinking-ways": halving_table,
    "shrinking-networks": networks_table,
    "shrinking-siblings": siblings_table,
}
