"""Networks with fewer filters, so that a published design can be trained in minutes."""

from __future__ import annotations

from dataclasses import replace

from convwise.design import Conv2D, Dense, Dropout, Network
from convwise.design.layer import Layer
from convwise.design.repeat import Repeat
from convwise.design.residual import Residual


def narrowed(network: Network, times: int, *, dropout: bool = True) -> Network:
    """Return a network whose convolutions and hidden dense layers are so many times narrower.

    Args:
        network: with blocks of one chain only (``residual``, ``repeat``).
        times: divides every width, rounded down to at least 1.
        dropout: keep its dropout layers.

    Example:
        >>> network = Network.from_text("repeat 2 (conv 8 3 same) | flatten | dense classes")
        >>> narrowed(network, 4).to_text().splitlines()[1]
        '  conv 2 3 same'
    """
    return Network(_narrowed(network.layers, times, dropout))


def _narrowed(layers: tuple[Layer, ...], times: int, dropout: bool) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Conv2D):
            made.append(replace(layer, filters=max(1, layer.filters // times)))
        elif isinstance(layer, Dense) and isinstance(layer.units, int):
            made.append(replace(layer, units=max(1, layer.units // times)))
        elif isinstance(layer, Residual | Repeat):
            made.append(replace(layer, layers=_narrowed(layer.layers, times, dropout)))
        elif dropout or not isinstance(layer, Dropout):
            made.append(layer)
    return tuple(made)
