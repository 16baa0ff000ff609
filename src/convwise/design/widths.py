"""The same network with wider or narrower layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from convwise.design.conv import Conv2D
from convwise.design.dense import Dense
from convwise.design.layer import Layer
from convwise.design.network import Network
from convwise.design.repeat import Repeat
from convwise.design.residual import Residual


def with_widths(network: Network, change: Callable[[int], int]) -> Network:
    """Return a network whose convolutions and hidden dense layers have other widths.

    Args:
        network: with blocks of one chain only (``residual``, ``repeat``).
        change: takes a number of filters or units and returns the new one.

    Example:
        >>> network = Network.from_text("repeat 2 (conv 8 3 same) | flatten | dense classes")
        >>> with_widths(network, lambda width: 2 * width).to_text().splitlines()[1]
        '  conv 16 3 same'
    """
    return Network(_changed(network.layers, change))


def _changed(layers: tuple[Layer, ...], change: Callable[[int], int]) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Conv2D):
            made.append(replace(layer, filters=change(layer.filters)))
        elif isinstance(layer, Dense) and isinstance(layer.units, int):
            made.append(replace(layer, units=change(layer.units)))
        elif isinstance(layer, Residual | Repeat):
            made.append(replace(layer, layers=_changed(layer.layers, change)))
        else:
            made.append(layer)
    return tuple(made)
