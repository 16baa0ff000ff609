"""The resize rule of an ImageFormat as ONNX operators: what ``data.render`` does, in the graph.

ONNX's ``Resize`` with ``antialias`` widens its filter with the scale as Pillow's BILINEAR does,
and ONNX Runtime computes it on uint8 in Pillow's fixed-point steps, so levels differ by one at
most. What comes before the resizing (decoding, EXIF, transparency, channels) stays outside.
"""

from __future__ import annotations

import numpy as np

from convwise.image import ImageFormat
from convwise.ship.onnx_graph import Graph


def resized(graph: Graph, pixels: str, image_format: ImageFormat) -> str:
    """Write the resizing of uint8 (batch, any height, any width, channels) pictures.

    Args:
        graph: nodes are added to it.
        pixels: name of the pictures, of one size within a batch.
        image_format: gives the rule and the size.

    Returns:
        The name of uint8 (batch, height, width, channels).
    """
    first = graph.add("Transpose", [pixels], "resize_first", perm=[0, 3, 1, 2])
    size = graph.integers("resize_size", [image_format.height, image_format.width])
    shape = graph.add("Shape", [first], "resize_shape")
    whole = _part(graph, shape, 2, 4, "resize_whole")
    scaled = size if image_format.resize == "stretch" else _scaled(graph, whole, image_format)
    outer = _part(graph, shape, 0, 2, "resize_outer")
    sizes = graph.add("Concat", [outer, scaled], "resize_sizes", axis=0)
    x = graph.add("Resize", [first, "", "", sizes], "resize", mode="linear", antialias=1)
    room = graph.add("Sub", [size, scaled], "resize_room")
    two = graph.integers("resize_two", [2])
    if image_format.resize == "pad":
        before = graph.add("Div", [room, two], "resize_before")
        after = graph.add("Sub", [room, before], "resize_after")
        none = graph.integers("resize_none", [0, 0])
        pads = graph.add("Concat", [none, before, none, after], "resize_pads", axis=0)
        level = graph.constant("resize_level", np.uint8(image_format.pad_value))
        x = graph.add("Pad", [x, pads, level], "resize_padded")
    elif image_format.resize == "crop":
        over = graph.add("Neg", [room], "resize_over")
        start = graph.add("Div", [over, two], "resize_start")
        end = graph.add("Add", [start, size], "resize_end")
        axes = graph.integers("resize_axes", [2, 3])
        x = graph.add("Slice", [x, start, end, axes], "resize_cropped")
    return graph.add("Transpose", [x], "resize_last", perm=[0, 2, 3, 1])


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
