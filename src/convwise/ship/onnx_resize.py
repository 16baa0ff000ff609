"""The resize rule of an ImageFormat as ONNX operators: what ``data.render`` does, in the graph.

ONNX's ``Resize`` with ``antialias`` is not Pillow's BILINEAR: in ONNX Runtime 1.32 levels were up
to 4 apart. So the filter is written out: a matrix of triangle weights for the columns, rounding to
whole levels as Pillow does between its passes, and one for the rows. Levels differ by one at most,
where Pillow's fixed-point sum falls on the other side of a half. What comes before the resizing
(decoding, EXIF, transparency, channels) stays outside.
"""

from __future__ import annotations

import numpy as np

from convwise.image import ImageFormat
from convwise.ship.onnx_graph import Graph

_FLOAT, _DOUBLE = 1, 11


def resized(graph: Graph, pixels: str, image_format: ImageFormat) -> str:
    """Write the resizing of uint8 (batch, any height, any width, channels) pictures.

    Args:
        graph: nodes are added to it.
        pixels: name of the pictures, of one size within a batch.
        image_format: gives the rule and the size.

    Returns:
        The name of levels 0…255 as float32 (batch, height, width, channels).
    """
    first = graph.add("Transpose", [pixels], "resize_first", perm=[0, 3, 1, 2])
    size = graph.integers("resize_size", [image_format.height, image_format.width])
    shape = graph.add("Shape", [first], "resize_shape")
    whole = _part(graph, shape, 2, 4, "resize_whole")
    scaled = size if image_format.resize == "stretch" else _scaled(graph, whole, image_format)
    x = graph.add("Cast", [first], "resize_levels", to=_FLOAT)
    columns = _weights(graph, whole, scaled, 1, "resize_columns")
    turned = graph.add("Transpose", [columns], "resize_turned", perm=[1, 0])
    x = _rounded_levels(graph, graph.add("MatMul", [x, turned], "resize_across"))
    rows = _weights(graph, whole, scaled, 0, "resize_rows")
    x = _rounded_levels(graph, graph.add("MatMul", [rows, x], "resize_down"))
    if image_format.resize == "stretch":
        return graph.add("Transpose", [x], "resize_last", perm=[0, 2, 3, 1])
    room = graph.add("Sub", [size, scaled], "resize_room")
    two = graph.integers("resize_two", [2])
    if image_format.resize == "pad":
        before = graph.add("Div", [room, two], "resize_before")
        after = graph.add("Sub", [room, before], "resize_after")
        none = graph.integers("resize_none", [0, 0])
        pads = graph.add("Concat", [none, before, none, after], "resize_pads", axis=0)
        level = graph.constant("resize_level", np.float32(image_format.pad_value))
        x = graph.add("Pad", [x, pads, level], "resize_padded")
    else:
        over = graph.add("Neg", [room], "resize_over")
        start = graph.add("Div", [over, two], "resize_start")
        end = graph.add("Add", [start, size], "resize_end")
        axes = graph.integers("resize_axes", [2, 3])
        x = graph.add("Slice", [x, start, end, axes], "resize_cropped")
    return graph.add("Transpose", [x], "resize_last", perm=[0, 2, 3, 1])


def _weights(graph: Graph, whole: str, scaled: str, axis: int, name: str) -> str:
    """Write the weight of each place of an axis in each place after resizing, (after, before)."""
    which = graph.constant(f"{name}_which", np.int64(axis))
    before, after = (
        graph.add("Gather", [each, which], f"{name}_length") for each in (whole, scaled)
    )
    zero, one = (graph.constant(f"{name}_{value}", np.int64(value)) for value in (0, 1))
    half, double_one = (
        graph.constant(f"{name}_{word}", np.float64(value))
        for word, value in (("half", 0.5), ("unit", 1.0))
    )
    middles = []
    for length in (before, after):
        places = graph.add("Range", [zero, length, one], f"{name}_places")
        exact = graph.add("Cast", [places], f"{name}_exact", to=_DOUBLE)
        middles.append(graph.add("Add", [exact, half], f"{name}_middles"))
    lengths = [
        graph.add("Cast", [length], f"{name}_length", to=_DOUBLE) for length in (before, after)
    ]
    scale = graph.add("Div", lengths, f"{name}_scale")
    centres = graph.add("Mul", [middles[1], scale], f"{name}_centres")
    column = graph.add("Unsqueeze", [centres, graph.integers(f"{name}_axis", [1])], f"{name}_each")
    gap = graph.add("Abs", [graph.add("Sub", [middles[0], column], f"{name}_gap")], f"{name}_far")
    reach = graph.add("Max", [scale, double_one], f"{name}_reach")
    share = graph.add("Div", [gap, reach], f"{name}_share")
    weights = graph.add("Relu", [graph.add("Sub", [double_one, share], f"{name}_slope")], name)
    axes = graph.integers(f"{name}_axes", [1])
    total = graph.add("ReduceSum", [weights, axes], f"{name}_total", keepdims=1)
    normal = graph.add("Div", [weights, total], f"{name}_normal")
    return graph.add("Cast", [normal], f"{name}_weights", to=_FLOAT)


def _rounded_levels(graph: Graph, x: str) -> str:
    half = graph.constant("resize_half", np.float32(0.5))
    return graph.add("Floor", [graph.add("Add", [x, half], "resize_half_up")], "resize_level_of")


def _part(graph: Graph, vector: str, start: int, end: int, name: str) -> str:
    ends = [graph.integers(f"{name}_{word}", [at]) for word, at in (("from", start), ("to", end))]
    return graph.add("Slice", [vector, *ends], name)


def _scaled(graph: Graph, whole: str, image_format: ImageFormat) -> str:
    """Write ``data.render.scaled_size``: whole numbers, halves rounded up."""
    height, width = (_part(graph, whole, at, at + 1, f"resize_{at}") for at in (0, 1))
    high, wide = (
        graph.integers(f"resize_{name}", [side])
        for name, side in (("high", image_format.height), ("wide", image_format.width))
    )
    by_width = graph.add("Mul", [wide, height], "resize_by_width")
    by_height = graph.add("Mul", [high, width], "resize_by_height")
    kind = "LessOrEqual" if image_format.resize == "pad" else "Greater"
    width_decides = graph.add(kind, [by_width, by_height], "resize_width_decides")
    found_high = _rounded(graph, by_width, width, "resize_found_high")
    found_wide = _rounded(graph, by_height, height, "resize_found_wide")
    rows = graph.add("Where", [width_decides, found_high, high], "resize_rows")
    columns = graph.add("Where", [width_decides, wide, found_wide], "resize_columns")
    return graph.add("Concat", [rows, columns], "resize_scaled", axis=0)


def _rounded(graph: Graph, product: str, divisor: str, name: str) -> str:
    """Write ``max(1, (2 · product + divisor) // (2 · divisor))``."""
    one, two = (graph.integers(f"{name}_{value}", [value]) for value in (1, 2))
    twice = graph.add("Mul", [product, two], f"{name}_twice")
    above = graph.add("Add", [twice, divisor], f"{name}_above")
    below = graph.add("Mul", [divisor, two], f"{name}_below")
    return graph.add("Max", [graph.add("Div", [above, below], f"{name}_whole"), one], name)
