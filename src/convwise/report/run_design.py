"""The network of a run: its maps to scale, its layers, and its text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from convwise.design.network import Network
from convwise.design.plan import Plan, plan
from convwise.errors import DesignError, OptionError
from convwise.report.charts.bars import share_bar
from convwise.report.design_maps import maps_drawing, maps_scale
from convwise.report.design_picture import example_picture
from convwise.report.design_words import sentences
from convwise.report.fields import Json, as_number, items, mapping, number, objects, text
from convwise.report.layer_table import LayerTable, layer_table
from convwise.report.pictures import picture_data_uri
from convwise.report.wording import count, shown, value

# Pixels across beside the names of the sections.
_ROOM = 890.0


@dataclass(frozen=True)
class LayerRow:
    """One line of the plain table of layers."""

    name: str
    layer: str
    output_shape: str
    params: str
    bar: Markup


@dataclass(frozen=True)
class Design:
    """The section's content.

    Args:
        said: what the network does, in sentences.
        maps: drawn to scale; None where run.json does not tell enough to plan the network again.
        scale: how they are drawn.
        table: its layers, with what each sees; None likewise.
        rows: its layers as run.json lists them, where there is no ``table``.
        total: all parameters of ``rows``.
        text: the network in notation.
    """

    said: tuple[str, ...]
    maps: Markup | None
    scale: str
    table: LayerTable | None
    rows: tuple[LayerRow, ...]
    total: str
    text: str | None


def plan_of_run(run: Json) -> Plan | None:
    """Return the network's plan, or None where run.json does not tell enough.

    Args:
        run: the content of run.json.
    """
    layers = items(mapping(run, "network"), "layers")
    sides = [number(mapping(run, "image_format"), key) for key in ("height", "width", "channels")]
    image = [int(side) for side in sides if side is not None]
    classes = len(items(mapping(run, "data"), "classes"))
    if not layers or len(image) != 3 or not classes:
        return None
    try:
        network = Network.from_dict({"layers": list(layers)})
        found = plan(network, (image[0], image[1], image[2]), classes)
    except (DesignError, OptionError, RecursionError):
        return None
    return found if found.rows and found.problem is None else None


def run_design(
    run: Json, network_plan: Plan | None, picture: npt.NDArray[np.uint8] | None
) -> Design | None:
    """Return the section, or None where run.json tells nothing of the network.

    Args:
        run: the content of run.json.
        network_plan: of the network, see :func:`plan_of_run`.
        picture: uint8 (height, width, channels), an image of the run to draw on; None takes one
            that comes with convwise.
    """
    network = mapping(run, "network")
    notation, rows = text(network, "text"), objects(network, "rows")
    if network_plan is None:
        if notation is None and not rows:
            return None
        total = sum(number(row, "params") or 0 for row in rows)
        plain = tuple(_layer_row(row, total) for row in rows)
        return Design((), None, "", None, plain, count(total), notation)
    own = picture is not None and picture.shape[:2] == network_plan.image[:2]
    drawn = picture if own and picture is not None else example_picture(*network_plan.image[:2])
    uri = picture_data_uri(drawn)
    shows = "an image of this run" if own else "an ankle boot"
    return Design(
        said=sentences(network_plan),
        maps=maps_drawing(network_plan, uri, _ROOM),
        scale=maps_scale(network_plan),
        table=layer_table(network_plan, uri, shows),
        rows=(),
        total="",
        text=notation or network_plan.network.to_text(),
    )


def _layer_row(row: Json, total: float) -> LayerRow:
    params = number(row, "params") or 0
    sides = [as_number(side) for side in items(row, "output_shape")]
    return LayerRow(
        name=shown(row.get("name", "")),
        layer=value(row.get("layer")),
        output_shape=" × ".join(f"{side:.0f}" for side in sides if side is not None) or "–",
        params=count(params) if params else "–",
        bar=share_bar(params / total if total else 0),
    )
