"""Networks with fewer filters, so that a published design can be trained in minutes."""

from __future__ import annotations

from convwise.design import Dropout, Network
from convwise.design.widths import with_widths


def narrowed(network: Network, times: int, *, dropout: bool = True) -> Network:
    """Return a network whose convolutions and hidden dense layers are so many times narrower.

    Args:
        network: with blocks of one chain only (``residual``, ``repeat``).
        times: divides every width, rounded down to at least 1.
        dropout: keep its dropout layers; without, those between blocks are left out.

    Example:
        >>> network = Network.from_text("repeat 2 (conv 8 3 same) | flatten | dense classes")
        >>> narrowed(network, 4).to_text().splitlines()[1]
        '  conv 2 3 same'
    """
    made = with_widths(network, lambda width: max(1, width // times))
    if dropout:
        return made
    return Network(tuple(layer for layer in made.layers if not isinstance(layer, Dropout)))
